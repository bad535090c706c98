"""The assets for analysts: the tables in the Glue catalog, and the batch's load report."""

from collections import Counter
from collections.abc import Iterator, Mapping
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
from lakehouse_assets.etl.report_types import LoadReport
from lakehouse_assets.etl.status import has_succeeded, subject_of
from lakehouse_assets.jobs import POOL, STATUS_TAG
from lakehouse_assets.landing.zone import REPORTS
from lakehouse_assets.settings import Settings


def catalog_asset(contracts: Contracts, settings: Settings) -> dg.AssetsDefinition:
    """One step that registers all tables in the Glue catalog, with an asset for each table."""

    @dg.multi_asset(
        name="refresh_catalog",
        ins=for_batch(),
        pool=POOL,
        specs=[_athena_spec(contract, settings) for contract in contracts.values()],
    )
    def refresh_catalog(lakehouse: dg.ResourceParam[Lakehouse], batch_id: str) -> Iterator[dg.MaterializeResult[None]]:
        with step(lakehouse, batch_id):
            outcomes = lakehouse.refresh_catalog()
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
            f"The tables {dataset} and {rejected_table(dataset)} in the Glue catalog, for queries with Athena. The"
            " checks query them after each load."
        ),
        metadata={
            "dagster/table_name": f"{settings.database}.{dataset}",
            "dagster/column_schema": table_columns(contract),
        },
    )


def report_asset(contracts: Contracts, settings: Settings) -> dg.AssetsDefinition:
    """The last step of a batch: it writes the report, closes the batch and publishes the outcome."""

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
            "The outcome of each file and the numbers of rows of the batch. It is written last: the batch is then done,"
            " and its outcome is published to the SNS topic."
        ),
    )
    def load_report(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse], batch_id: str
    ) -> dg.MaterializeResult[None]:
        report = _earlier_report(lakehouse, batch_id)
        if report is None:
            with step(lakehouse, batch_id) as batch:
                report = batch.finish()
            try:
                where = lakehouse.notices.where_run(context.run.run_id)
                lakehouse.notices.publish(subject_of(report), f"{report_in_words(report)}\n{where}")
            except LakehouseError as error:
                # The tables are written and the batch is closed, so a message that cannot be published is not a
                # failure.
                context.log.warning(f"The batch succeeded, but its outcome could not be published: {error}")
        context.instance.add_run_tags(context.run.run_id, {STATUS_TAG: report["status"]})
        return dg.MaterializeResult(
            metadata=_described(report)
            | {"report": _link(lakehouse, lakehouse.zone.report_key(lakehouse.batch(batch_id).manifest))}
        )

    return load_report


def _earlier_report(lakehouse: Lakehouse, batch_id: str) -> LoadReport | None:
    """The report of a batch that has succeeded and is closed; it has been published before. Otherwise None."""
    with named_failures():
        batch = lakehouse.batch(batch_id)
        report = batch.report()
        return report if report and has_succeeded(report) and not batch.is_under_way() else None


def _described(report: LoadReport) -> dict[str, Any]:
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


def _aside(report: LoadReport) -> dg.MetadataValue[Any]:
    """The number of rows that were not taken. Reports of older versions do not have it."""
    rows = report.get("rows_aside")
    return dg.MetadataValue.text("not known") if rows is None else dg.MetadataValue.int(rows)


def _link(lakehouse: Lakehouse, key: str) -> dg.MetadataValue[str]:
    address = f"s3://{lakehouse.settings.bucket}/{key}"
    link = lakehouse.console.file(address)
    return dg.MetadataValue.url(link) if link else dg.MetadataValue.path(address)


def _rows_table(report: LoadReport) -> dg.TableMetadataValue:
    by_dataset: Mapping[str, Mapping[str, Any]] = report["datasets"]
    records = [dg.TableRecord({"dataset": dataset, **counts}) for dataset, counts in by_dataset.items()]
    names = list(next(iter(by_dataset.values()), {}))
    return dg.MetadataValue.table(
        records, dg.TableSchema([dg.TableColumn("dataset", "string"), *(dg.TableColumn(name, "int") for name in names)])
    )


def _files_table(report: LoadReport) -> dg.TableMetadataValue:
    names = ("name", "dataset", "outcome", "reason", "read", "rejected")
    files: list[Mapping[str, Any]] = [*report["files"]]
    records = [dg.TableRecord({name: file[name] if file[name] is not None else "" for name in names}) for file in files]
    return dg.MetadataValue.table(
        records,
        dg.TableSchema([dg.TableColumn(name, "int" if name in ("read", "rejected") else "string") for name in names]),
    )
