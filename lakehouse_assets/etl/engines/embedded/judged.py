"""The rows that a load decides on: those of its files, and the waiting orphans whose parent may have arrived."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from lakehouse_assets.contracts import Contract, Parent
from lakehouse_assets.etl.engines.base import RawFile, Tables
from lakehouse_assets.etl.engines.embedded.parents import find_parent_keys
from lakehouse_assets.etl.engines.embedded.queries import only_row, rows_of
from lakehouse_assets.etl.engines.embedded.raw import Chunk, judge_files
from lakehouse_assets.etl.engines.embedded.rejects import Rejects
from lakehouse_assets.etl.engines.ranges import Range, key_ranges
from lakehouse_assets.etl.plan import for_duckdb, judge_sql, parent_keys, silence
from lakehouse_assets.etl.plan.trial import duckdb_type
from lakehouse_assets.landing.routing import MALFORMED
from lakehouse_assets.quoting import sql_literal


class JudgedRows:
    """Creates the tables files, judged_rows and retried_rows, and the view judged over both kinds of rows. `silent`:
    the columns that the file of at least one row lacks.
    """

    def __init__(
        self,
        contract: Contract,
        tables: Tables,
        batches: Sequence[str],
        connection: duckdb.DuckDBPyConnection,
        rejects: Rejects,
    ) -> None:
        """`batches`: the batches whose rows the waiting orphans were not compared with yet."""
        self.contract, self.tables, self.batches, self.connection, self.rejects = (
            contract,
            tables,
            batches,
            connection,
            rejects,
        )
        self.chunks: list[Chunk] = []
        self.silent: list[str] = []

    def read(self, files: Sequence[RawFile], scratch: Path) -> None:
        typed = ", ".join(f'"{column.name}" {duckdb_type(column)}' for column in self.contract.columns)
        flags = "".join(f', "{silence(name)}" BOOLEAN' for name in self.contract.kept_names)
        self.connection.execute(f"CREATE TABLE judged_rows (file_no INTEGER, {typed}, broken VARCHAR, warned VARCHAR)")
        self.connection.execute(
            "CREATE TABLE retried_rows (record_id VARCHAR, row_number BIGINT, source_file VARCHAR, source_modified_at"
            f" TIMESTAMPTZ{flags}, {typed}, broken VARCHAR, warned VARCHAR)"
        )
        self.connection.execute(
            "CREATE TABLE files (file_no INTEGER, file_id VARCHAR, record VARCHAR, seen_before BOOLEAN, source_file"
            f" VARCHAR, source_modified_at TIMESTAMPTZ{flags})"
        )
        if files:
            known = [
                (number, file.file_id, file.record, file.seen_before, file.source_file, file.source_modified_at, *lacks)
                for number, file in enumerate(files)
                for lacks in [[name not in file.dialect.header for name in self.contract.kept_names]]
            ]
            self.connection.executemany(f"INSERT INTO files VALUES ({', '.join('?' * len(known[0]))})", known)
        self.chunks = judge_files(self.connection, self.contract, files, scratch)

    def retry_orphans(self) -> None:
        if self.contract.parents:
            self._retry()
        silent = [f'bool_or("{silence(name)}")' for name in self.contract.kept_names]
        if silent:
            found = [
                only_row(self.connection, f"SELECT {', '.join(silent)} FROM {relation}")
                for relation in ("files", "retried_rows")
            ]
            self.silent = [name for name, *said in zip(self.contract.kept_names, *found, strict=True) if any(said)]
        # Names are qualified, because a column of the contract may have a name that `files` has, too.
        names = ", ".join(f'j."{name}"' for name in (*self.contract.names, "broken", "warned"))
        of_file, of_record = (
            ", ".join(
                f'{relation}."{name}"' for name in ("source_file", "source_modified_at", *map(silence, self.silent))
            )
            for relation in ("f", "j")
        )
        self.connection.execute(
            f"CREATE VIEW judged AS SELECT j.rowid AS row_id, {names}, {of_file}, j.file_no, j.rowid AS place "
            "FROM judged_rows j JOIN files f USING (file_no) UNION ALL "
            f"SELECT -1 - j.rowid, {names}, {of_record}, NULL, j.row_number FROM retried_rows j"
        )

    def _retry(self) -> None:
        carried = ("record_id", "row_number", "source_file", "source_modified_at")
        self.rejects.read_waiting((*carried, "raw", "reasons"))
        columns = ", ".join(f"""raw['{name}'] AS "{name}\"""" for name in self.contract.file_names)
        flags = [f"""raw['{name}'] IS NULL AS "{silence(name)}\"""" for name in self.contract.kept_names]
        self.connection.execute(
            f"CREATE OR REPLACE TEMP VIEW raw AS SELECT {', '.join((*carried, *flags))}, {columns}, CAST(NULL AS"
            f" VARCHAR) AS {MALFORMED} FROM waiting"
        )
        judged = judge_sql(self.contract, *carried, *map(silence, self.contract.kept_names))
        self.connection.execute(f"CREATE TABLE orphans AS {for_duckdb(judged)}")
        arrived = " OR ".join(
            f"(list_contains(w.reasons, {sql_literal(p.reason)}) AND {_columns(p)} IN (SELECT"
            f" {', '.join(parent_keys(p))} FROM {self._arrived(p)}))"
            for p in self.contract.parents
        )
        self.connection.execute(
            f"INSERT INTO retried_rows SELECT o.* FROM orphans o JOIN waiting w USING (record_id) WHERE {arrived}"
        )

    def _arrived(self, parent: Parent) -> str:
        """Creates a table of the orphans' parent keys that have arrived since the orphans were last compared with them.
        Only rows of this batch, and of the batches abandoned before it, are read, not the whole parent table.
        """
        batches = ", ".join(sql_literal(batch_id) for batch_id in self.batches)
        return find_parent_keys(
            self.connection,
            self.tables,
            parent,
            self.ranges("orphans", parent.columns),
            "arrived",
            f" AND batch_id IN ({batches})",
        )

    def ranges(self, relation: str, columns: Sequence[str]) -> list[list[Range]]:
        """Returns the key ranges of each column's values in a relation of the load."""
        return [
            key_ranges(
                lambda spark_sql: rows_of(self.connection, for_duckdb(spark_sql)),
                relation,
                column,
                self.contract.column(column).kind,
            )
            for column in columns
        ]


def _columns(parent: Parent) -> str:
    names = ", ".join(f'"{column}"' for column in parent.columns)
    return f"({names})" if len(parent.columns) > 1 else names
