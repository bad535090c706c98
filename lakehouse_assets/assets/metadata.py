"""Metadata of the assets for Dagster's UI: owners, columns, lineage of columns, rules, locations. Most of it is derived
from the contracts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

import dagster as dg

from lakehouse_assets.assets.keys import raw_key, table_key
from lakehouse_assets.aws.console import Console
from lakehouse_assets.contracts import Contract
from lakehouse_assets.contracts.model import PROVENANCE, Severity
from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS
from lakehouse_assets.settings import Settings

PROVENANCE_DESCRIBED = dict(
    zip(
        PROVENANCE,
        (
            "The batch that last wrote the row.",
            "The file, or workbook#sheet, of the row.",
            "When that file was uploaded. Of two rows with one key, the row of the later file wins.",
        ),
        strict=True,
    )
)
REJECTED_DESCRIBED = {
    "record_id": "The record: the same row of the same content has the same id.",
    "dataset": "The dataset.",
    "reasons": "Every reason for which the row was rejected.",
    "raw": "The text of each column as the file has it.",
    "source_file": "The key of the file in the bucket, with the sheet: `uploads/orders.xlsx#2025-04-01`.",
    "row_number": "The row of the file: records from 1, without the header, what stands above it, and blank rows.",
    "source_modified_at": "The time of the file.",
    "batch_id": "The batch that rejected the row.",
    "healed_by": "The batch that loaded the row itself, because its parent came.",
    "waiting": "Whether the row only waits for a parent. The table is partitioned by it.",
    "key": "The text of the key. Of several columns: their texts by position, with a comma and a space between.",
    "resolved_by": "The batch that resolved the record.",
    "resolution": "How the record was resolved: its parent came, a newer row came, or the same row was accepted later.",
}
BREAKS = {Severity.REJECT: "is rejected", Severity.WARN: "is loaded and counted"}
RAW = "raw"
"""The column of the rejected records with a row's text, by column."""


def owners(contracts: Iterable[Contract]) -> list[str]:
    """The contracts' teams in Dagster's form: `team:` and a word."""
    teams = dict.fromkeys(contract.team for contract in contracts if contract.team)
    return [f"team:{re.sub(r'[^A-Za-z0-9_.-]+', '-', team)}" for team in teams]


def fresh_within(settings: Settings) -> dg.FreshnessPolicy:
    """The policy by which Dagster marks a table as stale."""
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=settings.freshness_hours))


def raw_columns(contract: Contract) -> dg.TableSchema:
    """The columns of a dataset's files. In a file all values are text."""
    return dg.TableSchema([dg.TableColumn(column.name, "text", column.description) for column in contract.columns])


def table_columns(contract: Contract) -> dg.TableSchema:
    """The columns of a dataset's table, with descriptions and constraints."""
    described = {column.name: column.description for column in contract.columns} | PROVENANCE_DESCRIBED
    required = contract.required_names
    parents = [(column, f"in {parent.target}") for parent in contract.parents for column in parent.columns]

    def constraints(name: str) -> dg.TableColumnConstraints:
        return dg.TableColumnConstraints(
            nullable=name not in required,
            unique=(name,) == contract.keys,
            other=[parent for column, parent in parents if column == name] or None,
        )

    columns = [
        dg.TableColumn(name, kind, described.get(name), constraints(name))
        for name, kind in contract.table_columns.items()
    ]
    several = [f"unique: {', '.join(contract.keys)}"] if len(contract.keys) > 1 else []
    return dg.TableSchema(columns, dg.TableConstraints([*several, *(rule.name for rule in contract.rules)]))


def rules(contract: Contract) -> dg.TableMetadataValue:
    """The contract's rules as a table: name, description, and what happens to a row that breaks the rule."""
    records = [
        dg.TableRecord(
            {"rule": rule.name, "description": rule.description, "a row that breaks it": BREAKS[rule.severity]}
        )
        for rule in contract.rules
    ]
    return dg.MetadataValue.table(
        records, dg.TableSchema([dg.TableColumn(name) for name in ("rule", "description", "a row that breaks it")])
    )


def rejected_columns() -> dg.TableSchema:
    """The columns of the tables of rejected records."""
    return dg.TableSchema(
        [dg.TableColumn(name, kind, REJECTED_DESCRIBED[name]) for name, kind in REJECTED_COLUMNS.items()]
    )


def table_lineage(contract: Contract) -> dg.TableColumnLineage:
    """A table's column comes from the files' column of the same name, or from those that it is calculated from. The
    provenance columns are written by the load.
    """
    return dg.TableColumnLineage(
        {
            column.name: [dg.TableColumnDep(raw_key(contract.dataset), name) for name in column.from_files]
            for column in contract.columns
        }
    )


def rejected_lineage(contract: Contract) -> dg.TableColumnLineage:
    """The column RAW comes from all columns of the files."""
    names = contract.file_names
    return dg.TableColumnLineage({RAW: [dg.TableColumnDep(raw_key(contract.dataset), name) for name in names]})


def athena_lineage(contract: Contract) -> dg.TableColumnLineage:
    """A column in Athena comes from the Delta table's column of the same name."""
    return dg.TableColumnLineage(
        {name: [dg.TableColumnDep(table_key(contract.dataset), name)] for name in contract.table_columns}
    )


def file_link(console: Console, uri: str) -> dg.MetadataValue[str]:
    """A link to an object in AWS's console; the s3:// URI itself with the embedded AWS."""
    link = console.file(uri)
    return dg.MetadataValue.url(link) if link else dg.MetadataValue.path(uri)


def location(console: Console, uri: str) -> dg.MetadataValue[str]:
    """A link to a folder in AWS's console; the s3:// URI itself with the embedded AWS, which has no console."""
    link = console.folder(uri)
    return dg.MetadataValue.url(link) if link else dg.MetadataValue.path(uri)
