"""Registers the Delta tables in the Glue catalog, from their contracts. Athena reads a table's Delta log, so only a new
table or new columns have to be registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse_assets.aws.delta_entry import delta_entry, says_the_same
from lakehouse_assets.contracts import Contract
from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS, Tables


@dataclass(frozen=True)
class Catalog:
    """The Glue database of a lakehouse. `glue`: boto3's client of Glue."""

    glue: Any
    database: str
    tables: Tables

    def refresh(self, contract: Contract) -> str:
        """Creates or updates the catalog's entries of a dataset's table and of its rejected records, from the contract.
        Returns for the table: "created", "updated" or "up to date".
        """
        descriptions = [contract.description, f"Rejected records of {contract.dataset}."]
        entries = self._entries(contract).items()
        data, _ = [
            self._register(name, *entry, description)
            for (name, entry), description in zip(entries, descriptions, strict=True)
        ]
        return data

    def columns(self, name: str) -> dict[str, str]:
        """The types of a table's columns in the catalog, by name; empty if the catalog lacks the table."""
        found = self._found(name)
        return (
            {column["Name"]: column["Type"] for column in _one_list(found)["StorageDescriptor"]["Columns"]}
            if found
            else {}
        )

    def outdated(self, contract: Contract) -> list[str]:
        """The names of a dataset's entries (its table, its rejected records) that are missing or lack columns of the
        contract. Other changes of a table do not need its crawler: Athena reads the table's Delta log.
        """
        return [
            name
            for name, (columns, location) in self._entries(contract).items()
            if not self._has(name, columns, location)
        ]

    def _entries(self, contract: Contract) -> dict[str, tuple[Mapping[str, str], str]]:
        """Columns and location, by the name of the entry."""
        return {
            contract.dataset: (contract.table_columns, self.tables.table(contract.dataset)),
            rejected_table(contract.dataset): (REJECTED_COLUMNS, self.tables.rejects(contract.dataset)),
        }

    def _has(self, name: str, columns: Mapping[str, str], location: str) -> bool:
        """Whether the entry exists with these columns. It may have more: a crawler registers the columns of the Delta
        log, which keeps those of earlier contracts.
        """
        found = self._found(name)
        if found is None:
            return False
        entry = _one_list(found)
        storage = entry["StorageDescriptor"]
        known = [column for column in storage["Columns"] if column["Name"] in columns]
        return says_the_same(
            {**entry, "StorageDescriptor": {**storage, "Columns": known}}, delta_entry(name, columns, location)
        )

    def _found(self, name: str) -> dict[str, Any] | None:
        try:
            return dict(self.glue.get_table(DatabaseName=self.database, Name=name)["Table"])
        except self.glue.exceptions.EntityNotFoundException:
            return None

    def _register(self, name: str, columns: Mapping[str, str], location: str, description: str) -> str:
        table = delta_entry(name, columns, location) | {"Description": description}
        found = self._found(name)
        if found is None:
            self.glue.create_table(DatabaseName=self.database, TableInput=table)
            return "created"
        if says_the_same(_one_list(found), table):
            return "up to date"
        self.glue.update_table(DatabaseName=self.database, TableInput=table)
        return "updated"


def _one_list(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry with its partition keys among its columns. Glue's crawlers write them in either list; readers of a Delta
    table take them from its log.
    """
    keys, storage = entry.get("PartitionKeys") or [], entry["StorageDescriptor"]
    named = {column["Name"] for column in keys}
    columns = [column for column in storage["Columns"] if column["Name"] not in named]
    return (
        {**entry, "PartitionKeys": [], "StorageDescriptor": {**storage, "Columns": [*columns, *keys]}}
        if keys
        else entry
    )


def rejected_table(dataset: str) -> str:
    """The name in the catalog of a dataset's rejected records. In S3 they are in rejected/<dataset>/."""
    return f"rejected_{dataset}"
