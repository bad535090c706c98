"""What analysts see: the tables in the Glue catalog, and the batch's load report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg

from lakehouse_assets.assets.steps import ARCHIVE, BATCH, for_batch, step
from lakehouse_assets.assets.tables import table_key
from lakehouse_assets.catalog.glue import rejected_table
from lakehouse_assets.contracts import Contracts
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.etl.report import report_in_words
from lakehouse_assets.resources.lakehouse import LakehouseResource


def athena_key(dataset: str) -> dg.AssetKey:
    return dg.AssetKey(["athena", dataset])


def catalog_asset(contracts: Contracts) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="refresh_catalog",
        ins=for_batch(),
        specs=[
            dg.AssetSpec(
                athena_key(dataset),
                deps=[BATCH, ARCHIVE, table_key(dataset)],
                group_name="athena",
                kinds={"glue", "athena"},
                description=f"The table {dataset} as Athena sees it, and {rejected_table(dataset)} beside it.",
            )
            for dataset in contracts
        ],
    )
    def refresh_catalog(lakehouse: LakehouseResource, batch_id: str) -> Iterator[dg.MaterializeResult[None]]:
        with step(lakehouse.lakehouse, batch_id):
            outcomes = lakehouse.lakehouse.refresh_catalog()
        for dataset, outcome in outcomes.items():
            yield dg.MaterializeResult(athena_key(dataset), metadata={"batch_id": batch_id, "catalog": outcome})

    return refresh_catalog


def report_asset(contracts: Contracts) -> dg.AssetsDefinition:
    @dg.asset(
        key=["reports", "load_report"],
        group_name="reports",
        ins=for_batch(),
        deps=[athena_key(dataset) for dataset in contracts],
        kinds={"s3", "json"},
        description="What became of each file and each row of the batch. Written last: with it the batch is done.",
    )
    def load_report(lakehouse: LakehouseResource, batch_id: str) -> dg.MaterializeResult[None]:
        with step(lakehouse.lakehouse, batch_id) as manifest:
            report = lakehouse.lakehouse.finish(manifest)
        try:
            lakehouse.lakehouse.tell("A batch succeeded", report_in_words(report))
        except LakehouseError as error:
            # The tables are written and the batch is closed: that nobody was told makes it no failure.
            dg.get_dagster_logger().error(f"The batch succeeded, but nobody could be told: {error}")
        return dg.MaterializeResult(metadata={"batch_id": batch_id, "rows": _rows_table(report), "files": _files_table(report)})

    return load_report


def _rows_table(report: dict[str, Any]) -> dg.TableMetadataValue:
    records = [dg.TableRecord({"dataset": dataset, **counts}) for dataset, counts in report["datasets"].items()]
    names = list(next(iter(report["datasets"].values()), {}))
    return dg.MetadataValue.table(records, dg.TableSchema([dg.TableColumn("dataset", "string"), *(dg.TableColumn(name, "int") for name in names)]))


def _files_table(report: dict[str, Any]) -> dg.TableMetadataValue:
    names = ("name", "dataset", "outcome", "reason", "read", "rejected")
    records = [dg.TableRecord({name: file[name] if file[name] is not None else "" for name in names}) for file in report["files"]]
    return dg.MetadataValue.table(records, dg.TableSchema([dg.TableColumn(name, "int" if name in ("read", "rejected") else "string") for name in names]))
