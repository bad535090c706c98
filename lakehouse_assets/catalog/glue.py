"""Registers the Delta tables in the Glue catalog, from their contracts. Athena reads a table's own log, so only a new table or column needs a refresh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lakehouse_assets.contracts import Contract
from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS, Tables

DELTA = {"EXTERNAL": "TRUE", "classification": "delta", "table_type": "DELTA", "spark.sql.sources.provider": "delta"}
"""What Glue's crawler writes for a native Delta table (CreateNativeDeltaTable), and Athena asks for."""


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
        wanted = [{"Name": column, "Type": kind} for column, kind in columns.items()]
        table = {
            "Name": name,
            "Description": description,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": DELTA,
            "StorageDescriptor": {"Columns": wanted, "Location": location},
        }
        found = self._found(name)
        if found is None:
            self.glue.create_table(DatabaseName=self.database, TableInput=table)
            return "created"
        present = [{"Name": column["Name"], "Type": column["Type"]} for column in found["StorageDescriptor"]["Columns"]]
        # Without these Athena reads the folder's files as they lie there: rows that were overwritten, too.
        is_delta = DELTA.items() <= found.get("Parameters", {}).items() and not found.get("PartitionKeys")
        if is_delta and (present, found["StorageDescriptor"]["Location"]) == (wanted, location):
            return "up to date"
        self.glue.update_table(DatabaseName=self.database, TableInput=table)
        return "updated"


def rejected_table(dataset: str) -> str:
    """The rejected records' name in the catalog; in S3 they lie under rejected/<dataset>/."""
    return f"rejected_{dataset}"
