"""Registers the Delta tables in the Glue catalog, from their contracts. Athena reads a table's own log, so only a new table or column needs a refresh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse_assets.catalog.entries import delta_entry, says_the_same
from lakehouse_assets.contracts import Contract
from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS, Tables


@dataclass(frozen=True)
class Catalog:
    """One Glue database, over the tables of a lakehouse."""

    glue: Any
    database: str
    tables: Tables

    def refresh(self, contract: Contract) -> str:
        """Brings the catalog's entries of a dataset's table and its rejected records up to the contract. Returns created, updated or up to date."""
        data = self._register(contract.dataset, contract.table_columns, self.tables.table(contract.dataset), contract.description)
        self._register(rejected_table(contract.dataset), REJECTED_COLUMNS, self.tables.rejects(contract.dataset), f"Rejected records of {contract.dataset}.")
        return data

    def columns(self, name: str) -> dict[str, str]:
        """The columns of a table and their types, as the catalog has them; none where it does not know the table."""
        found = self._found(name)
        return {column["Name"]: column["Type"] for column in found["StorageDescriptor"]["Columns"]} if found else {}

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
        if says_the_same(found, table):
            return "up to date"
        self.glue.update_table(DatabaseName=self.database, TableInput=table)
        return "updated"


def rejected_table(dataset: str) -> str:
    """The rejected records' name in the catalog; in S3 they lie under rejected/<dataset>/."""
    return f"rejected_{dataset}"
