"""The Delta tables and their rejected records: per contract one step with two assets, whatever the contracts are."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import dagster as dg

from lakehouse_assets.assets.steps import BATCH, for_batch, step
from lakehouse_assets.contracts import Contract, Contracts
from lakehouse_assets.etl.engines import EngineName
from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS, Judgement
from lakehouse_assets.lakehouse import Lakehouse
from lakehouse_assets.landing.model import Manifest
from lakehouse_assets.resources.glue import GlueRunner, LoadOutcome
from lakehouse_assets.resources.lakehouse import LakehouseResource

KINDS: dict[EngineName, str] = {"embedded": "duckdb", "spark": "spark", "glue": "glue", "auto": "glue"}
"""How the UI marks what an engine makes."""
RETRIES = dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""Of a Glue run that infrastructure failed. Bad data and bad configuration say themselves that a retry heals nothing (`named_failures`, `GlueRunner`)."""


def table_key(dataset: str) -> dg.AssetKey:
    return dg.AssetKey(["lakehouse", dataset])


def rejected_key(dataset: str) -> dg.AssetKey:
    return dg.AssetKey(["rejected", dataset])


def table_assets(contracts: Contracts, engine: EngineName, freshness_hours: float) -> list[dg.AssetsDefinition]:
    return [_table_asset(contract, engine, freshness_hours) for contract in contracts.values()]


def _table_asset(contract: Contract, engine: EngineName, freshness_hours: float) -> dg.AssetsDefinition:
    kinds = {"deltalake", KINDS[engine]}
    dataset = contract.dataset
    upstream = [BATCH, *(table_key(name) for name in dict.fromkeys(parent.dataset for parent in contract.parents))]
    described = {"dagster/column_schema": _schema(contract), "contract": dg.MetadataValue.text(contract.document), "key": contract.key}
    rejected_schema = dg.TableSchema([dg.TableColumn(name, kind) for name, kind in REJECTED_COLUMNS.items()])

    @dg.multi_asset(
        name=f"load_{dataset}",
        ins=for_batch(),
        retry_policy=RETRIES if engine in ("glue", "auto") else None,
        specs=[
            dg.AssetSpec(
                table_key(dataset),
                deps=upstream,
                group_name="lakehouse",
                kinds=kinds,
                description=contract.description,
                metadata=described,
                freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=freshness_hours)),
            ),
            dg.AssetSpec(
                rejected_key(dataset),
                deps=upstream,
                group_name="rejected",
                kinds=kinds,
                description=f"Rows of {dataset} that were not loaded: raw values, every reason, where they came from. Orphans wait here for their parents.",
                metadata={"dagster/column_schema": rejected_schema},
            ),
        ],
    )
    def load(context: dg.AssetExecutionContext, lakehouse: LakehouseResource, batch_id: str) -> Iterator[dg.MaterializeResult[None]]:
        begun = time.monotonic()
        with step(lakehouse.lakehouse, batch_id) as manifest:
            outcome = _loaded(context, lakehouse.lakehouse, contract, manifest)
        tables = lakehouse.lakehouse.tables
        judgement, table, rejected = outcome.judgement, table_key(dataset), rejected_key(dataset)
        of_table = {
            "batch_id": batch_id,
            **asdict(judgement.counts),
            "healed": judgement.healed,
            "bytes": sum(file.size for file in manifest.to_load(dataset)),
            "seconds": round(time.monotonic() - begun, 2),
            "place": dg.MetadataValue.path(tables.table(dataset)),
        }
        yield dg.MaterializeResult(table, metadata=of_table | outcome.metadata(table))
        yield dg.MaterializeResult(
            rejected, metadata=_rejected_metadata(batch_id, judgement) | {"place": dg.MetadataValue.path(tables.rejects(dataset))} | outcome.metadata(rejected)
        )

    return load


def _loaded(context: dg.AssetExecutionContext, house: Lakehouse, contract: Contract, manifest: Manifest) -> LoadOutcome:
    engine = house.engine_for(contract.dataset, manifest)
    if engine == "glue":
        return GlueRunner(house).run(context, contract, manifest)
    return LoadOutcome(house.load(contract.dataset, manifest), {"engine": engine})


def _schema(contract: Contract) -> dg.TableSchema:
    described = {column.name: column.description for column in contract.columns}
    return dg.TableSchema([dg.TableColumn(name, kind, described.get(name)) for name, kind in contract.table_columns.items()])


def _rejected_metadata(batch_id: str, judgement: Judgement) -> dict[str, Any]:
    """Counts only: a rejected value may be personal data."""
    records = [dg.TableRecord({"reason": reason, "rows": rows}) for reason, rows in judgement.reasons.items()]
    schema = dg.TableSchema([dg.TableColumn("reason", "string"), dg.TableColumn("rows", "int")])
    return {"batch_id": batch_id, "rejected": judgement.counts.rejected, "reasons": dg.MetadataValue.table(records, schema)}
