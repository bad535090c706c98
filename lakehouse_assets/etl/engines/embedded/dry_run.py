"""A load that changes no table: what it would write goes to a folder on this machine.

It reads, validates and decides as any load does. Rows that it would write are kept, because rows of other datasets may
refer to them (`find_parent_keys`); so are its rejected records.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deltalake import DeltaTable, write_deltalake

from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS, Tables, Written
from lakehouse_assets.etl.engines.embedded import delta
from lakehouse_assets.etl.engines.embedded.load import EmbeddedLoad

REJECTED = "rejected"
"""Below the folder of a dry run: its rejected records."""


def rejected_in_dry_run(folder: Path) -> Tables:
    """Where a dry run keeps its rejected records."""
    return Tables("", str(folder / REJECTED))


class DryLoad(EmbeddedLoad):
    """The load of one dataset in a dry run; `tables` names its folder."""

    def _opened(self, uri: str, columns: Mapping[str, str], partition: str | None) -> DeltaTable:
        """The table as it is, or an empty one. Raises BadConfiguration if a load could not use it."""
        table = delta.existing_table(uri, self.tables.storage_options)
        if table is not None:
            lacks = delta.absent_columns(uri, table, columns)
            if not lacks or columns is not REJECTED_COLUMNS:
                return table
        # Rejected records of an older version are left out: they lack columns by which records are resolved.
        empty = self.folder / ("rejected" if columns is REJECTED_COLUMNS else "table")
        return delta.open_table(str(empty), columns, partition, {})

    def write_rejects(self, revision: int = 0) -> int | None:
        target = rejected_in_dry_run(self._kept_in).rejects(self.contract.dataset)
        self.rejects.table = delta.open_table(target, REJECTED_COLUMNS, "waiting", {})
        return super().write_rejects(revision)

    def merge(self) -> Written | None:
        if self.load_result.written:
            write_deltalake(str(self._kept_in / self.contract.dataset), self.connection.sql(self._rows_to_write()))
        counts = self.load_result.counts
        return Written(counts.inserted, self.load_result.written - counts.inserted)

    def settle_rejects(self) -> None:
        """Nothing is marked."""

    @property
    def _kept_in(self) -> Path:
        assert self.tables.dry_run is not None
        return self.tables.dry_run
