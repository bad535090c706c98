"""The Delta tables and their rejected records: per contract one step with two assets, whatever the contracts are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import dagster as dg

from lakehouse_assets.assets.steps import BATCH, for_batch, step
from lakehouse_assets.contracts import Contract, Contracts
from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS, Judgement
from lakehouse_assets.resources.lakehouse import LakehouseResource


def table_key(dataset: str) -> dg.AssetKey:
    return dg.AssetKey(["lakehouse", dataset])


def rejected_key(dataset: str) -> dg.AssetKey:
    return dg.AssetKey(["rejected", dataset])


def table_assets(contracts: Contracts) -> list[dg.AssetsDefinition]:
    return [_table_asset(contract) for contract in contracts.values()]


def _table_asset(contract: Contract) -> dg.AssetsDefinition:
    dataset = contract.dataset
    upstream = [BATCH, *(table_key(name) for name in dict.fromkeys(parent.dataset for parent in contract.parents))]
    described = {"dagster/column_schema": _schema(contract), "contract": dg.MetadataValue.text(contract.document), "key": contract.key}
    rejected_schema = dg.TableSchema([dg.TableColumn(name, kind) for name, kind in REJECTED_COLUMNS.items()])

    @dg.multi_asset(
        name=f"load_{dataset}",
        ins=for_batch(),
        specs=[
            dg.AssetSpec(
                table_key(dataset), deps=upstream, group_name="lakehouse", kinds={"deltalake", "duckdb"}, description=contract.description, metadata=described
            ),
            dg.AssetSpec(
                rejected_key(dataset),
                deps=upstream,
                group_name="rejected",
                kinds={"deltalake", "duckdb"},
                description=f"Rows of {dataset} that were not loaded: raw values, every reason, where they came from. Orphans wait here for their parents.",
                metadata={"dagster/column_schema": rejected_schema},
            ),
        ],
    )
    def load(lakehouse: LakehouseResource, batch_id: str) -> Iterator[dg.MaterializeResult[None]]:
        with step(lakehouse.lakehouse, batch_id) as manifest:
            judgement = lakehouse.lakehouse.load(dataset, manifest)
        yield dg.MaterializeResult(table_key(dataset), metadata={"batch_id": batch_id, **asdict(judgement.counts), "healed": judgement.healed})
        yield dg.MaterializeResult(rejected_key(dataset), metadata=_rejected_metadata(batch_id, judgement))

    return load


def _schema(contract: Contract) -> dg.TableSchema:
    described = {column.name: column.description for column in contract.columns}
    return dg.TableSchema([dg.TableColumn(name, kind, described.get(name)) for name, kind in contract.table_columns.items()])


def _rejected_metadata(batch_id: str, judgement: Judgement) -> dict[str, Any]:
    """Counts only: a rejected value may be personal data."""
    records = [dg.TableRecord({"reason": reason, "rows": rows}) for reason, rows in judgement.reasons.items()]
    schema = dg.TableSchema([dg.TableColumn("reason", "string"), dg.TableColumn("rows", "int")])
    return {"batch_id": batch_id, "rejected": judgement.counts.rejected, "reasons": dg.MetadataValue.table(records, schema)}
