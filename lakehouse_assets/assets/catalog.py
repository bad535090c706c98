"""What analysts see: the tables in the Glue catalog, and the batch's load report."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import dagster as dg

from lakehouse_assets.assets.keys import ARCHIVE, BATCH, REPORT, athena_key, rejected_key, table_key
from lakehouse_assets.assets.metadata import athena_lineage, owners, table_columns
from lakehouse_assets.assets.steps import for_batch, named_failures, step
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.glue import rejected_table
from lakehouse_assets.contracts import Contract, Contracts
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.etl.report import report_in_words
from lakehouse_assets.etl.status import has_succeeded, subject_of
from lakehouse_assets.jobs import POOL, STATUS_TAG
from lakehouse_assets.landing.zone import REPORTS
from lakehouse_assets.resources.lakehouse import LakehouseResource
from lakehouse_assets.settings import Settings


def catalog_asset(contracts: Contracts, settings: Settings) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="refresh_catalog",
        ins=for_batch(),
        pool=POOL,
        specs=[_athena_spec(contract, settings) for contract in contracts.values()],
    )
    def refresh_catalog(lakehouse: LakehouseResource, batch_id: str) -> Iterator[dg.MaterializeResult[None]]:
        with step(lakehouse.lakehouse, batch_id):
            outcomes = lakehouse.lakehouse.refresh_catalog()
        for dataset, outcome in outcomes.items():
            described = {
                "batch_id": batch_id,
                "catalog": outcome,
                "see": f'lakehouse query "SELECT * FROM {dataset} LIMIT 10"',
            }
            yield dg.MaterializeResult(
                athena_key(dataset), metadata=described | {"dagster/column_lineage": athena_lineage(contracts[dataset])}
            )

    return refresh_catalog


def _athena_spec(contract: Contract, settings: Settings) -> dg.AssetSpec:
    dataset = contract.dataset
    return dg.AssetSpec(
        athena_key(dataset),
        deps=[BATCH, ARCHIVE, table_key(dataset), rejected_key(dataset)],
        group_name="athena",
        kinds={"glue", "athena"},
        owners=owners([contract]),
        description=(
            f"The table {dataset} as analysts ask it with Athena, and {rejected_table(dataset)} beside it. The checks"
            " ask here, after each load."
        ),
        metadata={
            "dagster/table_name": f"{settings.database}.{dataset}",
            "dagster/column_schema": table_columns(contract),
        },
    )


def report_asset(contracts: Contracts, settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        key=REPORT,
        group_name="reports",
        ins=for_batch(),
        deps=[athena_key(dataset) for dataset in contracts],
        kinds={"s3", "json"},
        owners=owners(contracts.values()),
        pool=POOL,
        metadata={"dagster/uri": f"s3://{settings.bucket}/{settings.control_prefix}{REPORTS}"},
        description=(
            "What became of each file and each row of the batch. Written last: with it the batch is done, and the topic"
            " of alerts hears of it."
        ),
    )
    def load_report(
        context: dg.AssetExecutionContext, lakehouse: LakehouseResource, batch_id: str
    ) -> dg.MaterializeResult[None]:
        house = lakehouse.lakehouse
        report = _report_of_before(house, batch_id)
        if report is None:
            with step(house, batch_id) as batch:
                report = batch.finish()
            try:
                where = house.notices.where_run(context.run.run_id)
                house.notices.publish(subject_of(report), f"{report_in_words(report)}\n{where}")
            except LakehouseError as error:
                # The tables are written and the batch is closed: that nobody was told makes it no failure.
                context.log.warning(f"The batch succeeded, but nobody could be told: {error}")
        context.instance.add_run_tags(context.run.run_id, {STATUS_TAG: report["status"]})
        return dg.MaterializeResult(
            metadata=_described(report)
            | {"report": _link(house, house.zone.report_key(house.batch(batch_id).manifest))}
        )

    return load_report


def _report_of_before(house: Lakehouse, batch_id: str) -> dict[str, Any] | None:
    """Of a batch that has succeeded and is closed: it stands as it is, and was told of."""
    with named_failures():
        batch = house.batch(batch_id)
        report = batch.report()
        return report if report and has_succeeded(report) and not batch.is_under_way() else None


def _described(report: dict[str, Any]) -> dict[str, Any]:
    totals: Counter[str] = Counter()
    for counts in report["datasets"].values():
        totals.update(counts)
    outcomes = Counter(f"files_{file['outcome']}" for file in report["files"])
    return {
        "batch_id": report["batch_id"],
        "status": report["status"],
        "rows_aside": _aside(report),
        "files": len(report["files"]),
        **outcomes,
        **totals,
        "healed": sum(report["healed"].values()),
        "rows_of_each_dataset": _rows_table(report),
        "outcome_of_each_file": _files_table(report),
    }


def _aside(report: dict[str, Any]) -> dg.MetadataValue[Any]:
    """How many rows were not taken. A report of an older version does not say."""
    rows = report.get("rows_aside")
    return dg.MetadataValue.text("cannot be counted") if rows is None else dg.MetadataValue.int(rows)


def _link(house: Lakehouse, key: str) -> dg.MetadataValue[str]:
    address = f"s3://{house.settings.bucket}/{key}"
    link = house.console.file(address)
    return dg.MetadataValue.url(link) if link else dg.MetadataValue.path(address)


def _rows_table(report: dict[str, Any]) -> dg.TableMetadataValue:
    records = [dg.TableRecord({"dataset": dataset, **counts}) for dataset, counts in report["datasets"].items()]
    names = list(next(iter(report["datasets"].values()), {}))
    return dg.MetadataValue.table(
        records, dg.TableSchema([dg.TableColumn("dataset", "string"), *(dg.TableColumn(name, "int") for name in names)])
    )


def _files_table(report: dict[str, Any]) -> dg.TableMetadataValue:
    names = ("name", "dataset", "outcome", "reason", "read", "rejected")
    records = [
        dg.TableRecord({name: file[name] if file[name] is not None else "" for name in names})
        for file in report["files"]
    ]
    return dg.MetadataValue.table(
        records,
        dg.TableSchema([dg.TableColumn(name, "int" if name in ("read", "rejected") else "string") for name in names]),
    )
