"""The assets of the Delta tables and their rejected records: for each contract one step with two assets."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any, TypeVar

import dagster as dg

from lakehouse_assets.assets.code_references import contract_reference
from lakehouse_assets.assets.idle import ALONE, is_over
from lakehouse_assets.assets.keys import BATCH, LAKEHOUSE, REJECTED, athena_key, raw_key, rejected_key, table_key
from lakehouse_assets.assets.metadata import (
    fresh_within,
    location,
    owners,
    rejected_columns,
    rejected_lineage,
    rules,
    table_columns,
    table_lineage,
)
from lakehouse_assets.assets.steps import for_batch, step
from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import Contract, Contracts
from lakehouse_assets.etl.engines.base import LoadResult
from lakehouse_assets.jobs import POOL
from lakehouse_assets.resources.glue import GlueRunner, LoadOutcome
from lakehouse_assets.settings import EngineName, Settings

KINDS: dict[EngineName, str] = {"embedded": "duckdb", "spark": "spark", "glue": "glue", "auto": "glue"}
"""The kind that the UI shows for an engine's tables."""
Counted = TypeVar("Counted")


def table_assets(contracts: Contracts, settings: Settings) -> list[dg.AssetsDefinition]:
    """One step for each contract."""
    return [_table_asset(contract, settings) for contract in contracts.values()]


def _table_asset(contract: Contract, settings: Settings) -> dg.AssetsDefinition:
    dataset = contract.dataset

    @dg.multi_asset(
        name=f"load_{dataset}",
        ins=for_batch(),
        pool=POOL,
        specs=[_table_spec(contract, settings), _rejected_spec(contract, settings)],
    )
    def load(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse], batch_id: str
    ) -> Iterator[dg.MaterializeResult[None]]:
        if is_over(context, lakehouse, batch_id):
            return
        begun = time.monotonic()
        table, rejected = lakehouse.tables.table(dataset), lakehouse.tables.rejects(dataset)
        with step(lakehouse, batch_id) as batch:
            outcome = _loaded(context, batch, contract)
        rows, rejected_rows = (
            row_count(context, lakehouse, outcome.run.get("engine"), table),
            row_count(context, lakehouse, outcome.run.get("engine"), rejected),
        )
        load_result = outcome.load_result
        of_table = {
            "batch_id": batch_id,
            **asdict(load_result.counts),
            "healed": load_result.healed,
            "resolved": load_result.resolved,
            "differing": load_result.differing,
            "bytes": sum(file.size for file in batch.manifest.to_load(dataset)),
            "seconds": round(time.monotonic() - begun, 2),
            "location": location(lakehouse.console, table),
            "dagster/column_lineage": table_lineage(contract),
        }
        of_rejected = {
            "batch_id": batch_id,
            **_rejected(contract, load_result),
            "location": location(lakehouse.console, rejected),
        }
        yield dg.MaterializeResult(table_key(dataset), metadata=of_table | rows | outcome.metadata(table_key(dataset)))
        yield dg.MaterializeResult(
            rejected_key(dataset), metadata=of_rejected | rejected_rows | outcome.metadata(rejected_key(dataset))
        )

    return load


def _table_spec(contract: Contract, settings: Settings) -> dg.AssetSpec:
    dataset = contract.dataset
    return dg.AssetSpec(
        table_key(dataset),
        deps=_upstream(contract),
        group_name=LAKEHOUSE,
        kinds={"deltalake", KINDS[settings.chosen_engine]},
        owners=owners([contract]),
        skippable=True,
        description=(
            f"{contract.description} A Delta table with one row for each {contract.key_in_words}. Its checks are at"
            f" {athena_key(dataset).to_user_string()}. {ALONE}"
        ),
        metadata={
            **contract_reference(contract, settings),
            "dagster/column_schema": table_columns(contract),
            "dagster/uri": f"s3://{settings.bucket}/{settings.tables_prefix}{dataset}",
            "contract": f"{contract.document}, version {contract.contract_version}",
            "key": ", ".join(contract.keys),
            "rules": rules(contract),
            "checks_and_health": dg.MetadataValue.asset(athena_key(dataset)),
            "rejected_rows": dg.MetadataValue.asset(rejected_key(dataset)),
        },
        freshness_policy=fresh_within(settings),
        code_version=contract.contract_version,
    )


def _rejected_spec(contract: Contract, settings: Settings) -> dg.AssetSpec:
    dataset = contract.dataset
    return dg.AssetSpec(
        rejected_key(dataset),
        deps=_upstream(contract),
        group_name=REJECTED,
        kinds={"deltalake", KINDS[settings.chosen_engine]},
        owners=owners([contract]),
        skippable=True,
        description=(
            f"Rows of {dataset} that were not loaded, with raw values, all reasons, and their files. Orphans wait here"
            " for their parents."
        ),
        metadata={
            **contract_reference(contract, settings),
            "dagster/column_schema": rejected_columns(),
            "dagster/uri": f"s3://{settings.bucket}/{settings.rejected_prefix}{dataset}",
            "table": dg.MetadataValue.asset(table_key(dataset)),
        },
    )


def _upstream(contract: Contract) -> list[dg.AssetKey]:
    return [
        BATCH,
        raw_key(contract.dataset),
        *(table_key(name) for name in dict.fromkeys(parent.dataset for parent in contract.parents)),
    ]


def _loaded(context: dg.AssetExecutionContext, batch: Batch, contract: Contract) -> LoadOutcome:
    engine = batch.engine_for(contract.dataset)
    if engine == "glue":
        return GlueRunner(batch).run(context, contract)
    return LoadOutcome(batch.load(contract.dataset), {"engine": engine})


def row_count(context: dg.AssetExecutionContext, lakehouse: Lakehouse, engine: object, uri: str) -> dict[str, int]:
    """The number of rows of a table that `engine` has loaded. A Glue run reports it itself."""
    rows = from_log(context, lakehouse.rows_in, engine, uri)
    return {} if rows is None else {"dagster/row_count": rows}


def from_log(
    context: dg.AssetExecutionContext, read: Callable[[str], Counted | None], engine: object, uri: str
) -> Counted | None:
    """What `read` finds in the log of a table that `engine` has loaded. None for Glue, because the log of a table that
    needs Glue can be too large for this process; and None with a warning if it cannot be read.
    """
    try:
        return read(uri) if engine != "glue" else None
    except Exception as error:  # noqa: BLE001 - the load is done; a missing number in the UI does not make it a failure
        context.log.warning(f"{uri} is loaded, but its rows could not be counted: {error}")
        return None


def _rejected(contract: Contract, load_result: LoadResult) -> dict[str, Any]:
    """Numbers of rows by reason, without values: a rejected value may be personal data."""
    records = [
        dg.TableRecord({"reason": reason, "rows": rows})
        for reason, rows in sorted(load_result.reasons.items(), key=lambda item: -item[1])
    ]
    schema = dg.TableSchema([dg.TableColumn("reason", "string"), dg.TableColumn("rows", "int")])
    return {
        "rejected": load_result.counts.rejected,
        "reasons": dg.MetadataValue.table(records, schema),
        "command": f"lakehouse rejects --dataset {contract.dataset}",
        "dagster/column_lineage": rejected_lineage(contract),
    }
