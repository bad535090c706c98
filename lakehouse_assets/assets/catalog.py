"""The assets for analysts: the tables in the Glue catalog, and the batch's load report."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import dagster as dg

from lakehouse_assets.assets.code_references import contract_reference
from lakehouse_assets.assets.idle import is_over
from lakehouse_assets.assets.keys import ARCHIVE, BATCH, PUBLISHED, REPORT, athena_key, rejected_key, table_key
from lakehouse_assets.assets.metadata import athena_lineage, file_link, fresh_within, owners, table_columns
from lakehouse_assets.assets.steps import for_batch, named_failures, step
from lakehouse_assets.assets.tables import from_log, row_count
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

PARTITIONS_SHOWN = 400
"""More than a year of days."""


def catalog_asset(contracts: Contracts, settings: Settings) -> dg.AssetsDefinition:
    """One step that registers all tables in the Glue catalog, with an asset for each table."""

    @dg.multi_asset(
        name="refresh_catalog",
        ins=for_batch(),
        pool=POOL,
        specs=[_athena_spec(contract, settings) for contract in contracts.values()],
    )
    def refresh_catalog(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse], batch_id: str
    ) -> Iterator[dg.MaterializeResult[None]]:
        if is_over(context, lakehouse, batch_id):
            return
        with step(lakehouse, batch_id) as batch:
            outcomes = lakehouse.refresh_catalog()
            load_results = batch.load_results()
        report, editor = lakehouse.zone.report_key(batch.manifest), lakehouse.console.queries()
        for dataset, outcome in outcomes.items():
            numbers = asdict(load_results[dataset].counts) if dataset in load_results else {}
            described = {
                "batch_id": batch_id,
                **numbers,
                **_rows(context, lakehouse, batch.engine_for(dataset), contracts[dataset]),
                "catalog": outcome,
                "report": file_link(lakehouse.console, f"s3://{lakehouse.settings.bucket}/{report}"),
                "command": f'lakehouse query "SELECT * FROM {dataset} LIMIT 10"',
                **({"query_editor": dg.MetadataValue.url(editor)} if editor else {}),
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
        skippable=True,
        group_name=PUBLISHED,
        kinds={"glue", "athena"},
        owners=owners([contract]),
        description=(
            f"The tables {dataset} and {rejected_table(dataset)} in the Glue catalog, for queries with Athena. This"
            " page shows the table's health: its checks, its freshness, its rows, and the numbers of the last batch."
        ),
        freshness_policy=fresh_within(settings),
        metadata={
            **contract_reference(contract, settings),
            "dagster/table_name": f"{settings.database}.{dataset}",
            "dagster/column_schema": table_columns(contract),
            "delta_table": dg.MetadataValue.asset(table_key(dataset)),
            "rejected_rows": dg.MetadataValue.asset(rejected_key(dataset)),
            "load_report": dg.MetadataValue.asset(REPORT),
        },
    )


def _rows(context: dg.AssetExecutionContext, lakehouse: Lakehouse, engine: str, contract: Contract) -> dict[str, Any]:
    """The number of rows of a table; with a partition column also its last partitions with their rows, and how many
    partitions there are: which days are loaded. The table's log is read once.
    """
    table = lakehouse.tables.table(contract.dataset)
    rows = from_log(context, lakehouse.rows_by_partition, engine, table) if contract.partition else None
    if not rows:
        return row_count(context, lakehouse, engine, table)
    name = str(contract.partition)
    records = [dg.TableRecord({name: value, "rows": rows[value]}) for value in sorted(rows, reverse=True)]
    schema = dg.TableSchema([dg.TableColumn(name, "string"), dg.TableColumn("rows", "int")])
    return {
        "dagster/row_count": sum(rows.values()),
        "partitions": len(rows),
        "last_partitions": dg.MetadataValue.table(records[:PARTITIONS_SHOWN], schema),
    }


def report_asset(contracts: Contracts, settings: Settings) -> dg.AssetsDefinition:
    """The last step of a batch: it writes the report, closes the batch and publishes the outcome."""

    @dg.asset(
        key=REPORT,
        group_name=PUBLISHED,
        ins=for_batch(),
        deps=[athena_key(dataset) for dataset in contracts],
        kinds={"s3", "json"},
        owners=owners(contracts.values()),
        pool=POOL,
        output_required=False,
        metadata={"dagster/uri": f"s3://{settings.bucket}/{settings.control_prefix}{REPORTS}"},
        description=(
            "The outcome of each file and the numbers of rows of the batch. It is written last: the batch is then done,"
            " and its outcome is published to the SNS topic."
        ),
    )
    def load_report(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse], batch_id: str
    ) -> Iterator[dg.MaterializeResult[None]]:
        report = _earlier_report(lakehouse, batch_id) if batch_id else None
        if report is None:
            if is_over(context, lakehouse, batch_id):
                return
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
        key = lakehouse.zone.report_key(lakehouse.batch(batch_id).manifest)
        yield dg.MaterializeResult(
            metadata=_described(report)
            | {"report": file_link(lakehouse.console, f"s3://{lakehouse.settings.bucket}/{key}")}
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
