"""What the UI shows of an asset beside its numbers: who answers for it, its columns and where they come from, its
place. All of it from the contracts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import dagster as dg

from lakehouse_assets.assets.keys import raw_key, table_key
from lakehouse_assets.aws.console import Console
from lakehouse_assets.contracts import Contract
from lakehouse_assets.contracts.model import PROVENANCE, Severity
from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS

PROVENANCE_DESCRIBED = dict(
    zip(
        PROVENANCE,
        (
            "The batch that wrote the row last.",
            "The file, or workbook#sheet, that the row came from.",
            "When that file was written: of two versions the later wins.",
        ),
        strict=True,
    )
)
BREAKS = {Severity.REJECT: "is rejected", Severity.WARN: "is loaded and counted"}
RAW = "raw"
"""The rejected records' column that holds a row's text, by column."""


def owners(contracts: Iterable[Contract]) -> list[str]:
    """The teams that the contracts name, as Dagster writes them (`team:` and a word)."""
    teams = dict.fromkeys(contract.team for contract in contracts if contract.team)
    return [f"team:{re.sub(r'[^A-Za-z0-9_.-]+', '-', team)}" for team in teams]


def raw_columns(contract: Contract) -> dg.TableSchema:
    """A file's columns: text, whatever it will be taken for."""
    return dg.TableSchema([dg.TableColumn(column.name, "text", column.description) for column in contract.columns])


def table_columns(contract: Contract) -> dg.TableSchema:
    described = {column.name: column.description for column in contract.columns} | PROVENANCE_DESCRIBED
    required, parents = (
        contract.required_names,
        {parent.column: f"in {parent.dataset}.{parent.key}" for parent in contract.parents},
    )

    def constraints(name: str) -> dg.TableColumnConstraints:
        return dg.TableColumnConstraints(
            nullable=name not in required,
            unique=name == contract.key,
            other=[parents[name]] if name in parents else None,
        )

    columns = [
        dg.TableColumn(name, kind, described.get(name), constraints(name))
        for name, kind in contract.table_columns.items()
    ]
    return dg.TableSchema(columns, dg.TableConstraints([rule.name for rule in contract.rules]))


def rules(contract: Contract) -> dg.TableMetadataValue:
    """What is asked of a row, and what becomes of one that breaks it."""
    records = [
        dg.TableRecord({"rule": rule.name, "says": rule.description, "a row that breaks it": BREAKS[rule.severity]})
        for rule in contract.rules
    ]
    return dg.MetadataValue.table(
        records, dg.TableSchema([dg.TableColumn(name) for name in ("rule", "says", "a row that breaks it")])
    )


def rejected_columns() -> dg.TableSchema:
    return dg.TableSchema([dg.TableColumn(name, kind) for name, kind in REJECTED_COLUMNS.items()])


def table_lineage(contract: Contract) -> dg.TableColumnLineage:
    """Each column is read from the files' column of the same name; the provenance is written by the load."""
    return dg.TableColumnLineage(
        {name: [dg.TableColumnDep(raw_key(contract.dataset), name)] for name in contract.names}
    )


def rejected_lineage(contract: Contract) -> dg.TableColumnLineage:
    return dg.TableColumnLineage({RAW: [dg.TableColumnDep(raw_key(contract.dataset), name) for name in contract.names]})


def athena_lineage(contract: Contract) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {name: [dg.TableColumnDep(table_key(contract.dataset), name)] for name in contract.table_columns}
    )


def place(console: Console, uri: str) -> dg.MetadataValue[str]:
    """A link to a folder in AWS's console, where there is one; else its address."""
    link = console.folder(uri)
    return dg.MetadataValue.url(link) if link else dg.MetadataValue.path(uri)
