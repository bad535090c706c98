"""The steps of `DatasetLoad` in DuckDB and delta-rs.

DuckDB holds the rows in memory and spills them to the scratch folder past the setting, so memory stays bounded whatever
the files' size. (A database file as scratch space costs a quarter more: it is compressed as it is written.) `decided`
has every row, for the counts; `not_inserted` has the few that need more than an insert, so that joining it costs
little. Rejected records are the business of `rejects`.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from lakehouse_assets.contracts import PROVENANCE, Contract, Parent
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.etl.engines.base import (
    REJECTED_COLUMNS,
    Counts,
    FileCounts,
    LoadResult,
    Maintained,
    RawFile,
    Tables,
    Written,
)
from lakehouse_assets.etl.engines.embedded import delta
from lakehouse_assets.etl.engines.embedded.failures import failure, is_of_store
from lakehouse_assets.etl.engines.embedded.raw import Chunk, judge_files
from lakehouse_assets.etl.engines.embedded.rejects import Rejects
from lakehouse_assets.etl.engines.load_result import COUNT_NAMES
from lakehouse_assets.etl.engines.ranges import key_ranges, same_row, sql_literal, within
from lakehouse_assets.etl.engines.table import transaction_of
from lakehouse_assets.etl.plan import (
    SEPARATOR,
    WRITTEN,
    beaten_sql,
    decide_sql,
    filled_sql,
    for_duckdb,
    judge_sql,
    missing_relation,
    missing_sql,
    repeated_sql,
    silence,
)
from lakehouse_assets.etl.plan.trial import DUCKDB_TYPES
from lakehouse_assets.landing.routing import MALFORMED


@dataclass(frozen=True)
class EmbeddedEngine:
    """`memory_mb` bounds DuckDB's memory, `scratch` is where it spills (a temporary folder in it, removed at the
    end).
    """

    scratch: Path
    memory_mb: int = 1024
    threads: int | None = None
    name: str = "embedded"
    reads_from_bucket: bool = False

    @contextmanager
    def dataset_load(
        self, contract: Contract, tables: Tables, batch_id: str, abandoned: Sequence[str] = ()
    ) -> Iterator[EmbeddedLoad]:
        self.scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{contract.dataset}-", dir=self.scratch) as folder:
            connection = duckdb.connect()
            try:
                connection.execute(
                    f"SET memory_limit='{self.memory_mb}MB'; SET temp_directory={sql_literal(f'{folder}/spill')}"
                )
                connection.execute("SET TimeZone='UTC'; SET enable_progress_bar=false")
                if self.threads:
                    connection.execute(f"SET threads={self.threads}")
                yield EmbeddedLoad(contract, tables, batch_id, abandoned, connection, Path(folder))
            except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
                raise LakehouseError(
                    f"{contract.dataset}: the embedded engine ran out of memory or disk ({str(error).splitlines()[0]})."
                    f" Nothing is lost: free disk space under {self.scratch} or raise LAKEHOUSE_MEMORY_MB (now"
                    f" {self.memory_mb}), then run the batch again."
                ) from error
            except duckdb.InvalidInputException as error:
                # It reads the stream of a table's rows, in which delta-rs says what S3 answers.
                if is_of_store(str(error)):
                    raise failure(f"A table that {contract.dataset} is held against", error) from error
                raise
            finally:
                connection.close()

    def maintain(self, contract: Contract, tables: Tables, retain_hours: int) -> list[Maintained]:
        uris = (tables.table(contract.dataset), tables.rejects(contract.dataset))
        found = ((uri, delta.existing_table(uri, tables.storage_options)) for uri in uris)
        return [Maintained(uri, *delta.maintain(table, retain_hours)) for uri, table in found if table is not None]


class EmbeddedLoad:
    """One dataset of one batch. Tables in the scratch database: judged_rows, retried_rows, current, missing_<column>,
    repeated, filled, beaten, decided, not_inserted."""

    def __init__(
        self,
        contract: Contract,
        tables: Tables,
        batch_id: str,
        abandoned: Sequence[str],
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
    ) -> None:
        self.contract, self.batch_id, self.abandoned, self.connection, self.folder = (
            contract,
            batch_id,
            abandoned,
            connection,
            folder,
        )
        self.tables, self.options = tables, tables.storage_options
        self.table = delta.open_table(
            tables.table(contract.dataset), contract.table_columns, contract.partition, self.options
        )
        self.transaction = transaction_of(contract.dataset, batch_id)
        rejected = delta.open_table(tables.rejects(contract.dataset), REJECTED_COLUMNS, "waiting", self.options)
        self.rejects = Rejects(contract, rejected, batch_id, self.transaction, connection)
        self.chunks: list[Chunk] = []
        self.silent: list[str] = []
        self.load_result = LoadResult(Counts(), {}, {}, {}, 0)

    def read(self, files: Sequence[RawFile]) -> None:
        typed = ", ".join(
            f'"{column.name}" {DUCKDB_TYPES.get(column.kind, column.kind)}' for column in self.contract.columns
        )
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
        self.chunks = judge_files(self.connection, self.contract, files, self.folder)

    def retry_orphans(self) -> None:
        if self.contract.parents:
            self._retry()
        silent = [f'bool_or("{silence(name)}")' for name in self.contract.kept_names]
        if silent:
            found = [self._one(f"SELECT {', '.join(silent)} FROM {relation}") for relation in ("files", "retried_rows")]
            self.silent = [name for name, *said in zip(self.contract.kept_names, *found, strict=True) if any(said)]
        # Each name with its table: `files` has names that a column may have.
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
        columns = ", ".join(f"""raw['{name}'] AS "{name}\"""" for name in self.contract.names)
        flags = [f"""raw['{name}'] IS NULL AS "{silence(name)}\"""" for name in self.contract.kept_names]
        self.connection.execute(
            f"CREATE OR REPLACE TEMP VIEW raw AS SELECT {', '.join((*carried, *flags))}, {columns}, CAST(NULL AS"
            f" VARCHAR) AS {MALFORMED} FROM waiting"
        )
        judged = judge_sql(self.contract, *carried, *map(silence, self.contract.kept_names))
        self.connection.execute(f"CREATE TABLE orphans AS {for_duckdb(judged)}")
        arrived = " OR ".join(
            f'(list_contains(w.reasons, {sql_literal(p.reason)}) AND "{p.column}" IN (SELECT parent_key FROM'
            f" {self._arrived(p)}))"
            for p in self.contract.parents
        )
        self.connection.execute(
            f"INSERT INTO retried_rows SELECT o.* FROM orphans o JOIN waiting w USING (record_id) WHERE {arrived}"
        )

    def _arrived(self, parent: Parent) -> str:
        """The orphans' parent keys that came since they were last held against them: only rows of this batch, and of
        those abandoned before it, are looked at, not the whole parent table."""
        batches = ", ".join(sql_literal(batch_id) for batch_id in (self.batch_id, *self.abandoned))
        return self._keys_of(parent, "orphans", f"arrived_{parent.column}", f" AND batch_id IN ({batches})")

    def _keys_of(self, parent: Parent, relation: str, into: str, condition: str = "") -> str:
        table = delta.existing_table(self.tables.table(parent.dataset), self.options)
        ranges = key_ranges(self._ask, relation, parent.column, self.contract.column(parent.column).kind)
        if table is None or not ranges:
            self.connection.execute(
                f'CREATE TABLE {into} AS SELECT "{parent.column}" AS parent_key FROM judged_rows LIMIT 0'
            )
            return into
        found = delta.look_up(table, [parent.key], within(f'"{parent.key}"', ranges, sql_literal) + condition)
        self.connection.execute(f'CREATE TABLE {into} AS SELECT "{parent.key}" AS parent_key FROM found')
        del found
        return into

    def decide(self) -> LoadResult:
        for parent in self.contract.parents:
            existing = self._keys_of(parent, "judged", f"existing_{parent.column}")
            self.connection.execute(
                f"CREATE TABLE {missing_relation(parent.column)} AS {for_duckdb(missing_sql(parent.column, existing))}"
            )
        self._read_current()
        self.connection.execute(f"CREATE TABLE repeated AS {for_duckdb(repeated_sql(self.contract))}")
        self.connection.execute(f"CREATE TABLE beaten AS {for_duckdb(beaten_sql(self.contract, self.silent))}")
        if self.silent:
            self.connection.execute(f"CREATE TABLE filled AS {for_duckdb(filled_sql(self.contract, self.silent))}")
        self.connection.execute(
            f"CREATE TABLE decided AS {for_duckdb(decide_sql(self.contract, *self.silent, silent=self.silent))}"
        )
        self.connection.execute("CREATE TABLE not_inserted AS SELECT * FROM decided WHERE verdict <> 'insert'")
        self.load_result = self._load_result()
        return self.load_result

    def _read_current(self) -> None:
        """The table's rows whose keys lie in the batch's key ranges: they may be updated, and are compared."""
        names = [*self.contract.names, "source_file", "source_modified_at"]
        ranges = key_ranges(self._ask, "judged", self.contract.key, self.contract.column(self.contract.key).kind)
        current = delta.look_up(
            self.table, names, within(f'"{self.contract.key}"', ranges, sql_literal) if ranges else "false"
        )
        self.connection.execute("CREATE TABLE current AS SELECT * FROM current")
        del current

    def _load_result(self) -> LoadResult:
        verdicts = dict(self._all("SELECT verdict, count(*) FROM decided GROUP BY verdict"))
        (read,) = self._one("SELECT count(*) FROM judged_rows")
        (retried,) = self._one("SELECT count(*) FROM retried_rows")
        (healed,) = self._one("SELECT count(*) FROM decided WHERE row_id < 0 AND verdict IN ('insert', 'update')")
        (waiting,) = self._one(
            "SELECT count(*) FROM not_inserted JOIN judged USING (row_id) WHERE verdict = 'rejected' AND broken IS NULL"
        )
        (differing,) = self._one("SELECT count(*) FROM beaten WHERE differs")
        counts = Counter(read=read, retried=retried)
        for verdict, number in verdicts.items():
            counts[COUNT_NAMES[verdict]] += number
        files = dict(self._all("SELECT file_no, file_id FROM files"))
        per_file = {file_id: FileCounts() for file_id in files.values()}
        for file_no, *of_file in self._all(
            "SELECT file_no, count(*), count(*) FILTER (WHERE verdict = 'rejected'), count(*) FILTER (WHERE"
            " coalesce(verdict, 'update') = 'update') FROM judged_rows j LEFT JOIN not_inserted n ON n.row_id = j.rowid"
            " GROUP BY file_no"
        ):
            per_file[files[file_no]] = FileCounts(*of_file)
        for file_no, warning, number in self._tally("file_no", "warned", "judged_rows"):
            per_file[files[file_no]].warnings[warning] = number
        reasons = {reason: number for _, reason, number in self._tally("NULL", "reasons", "not_inserted")}
        warnings = {warning: number for _, warning, number in self._tally("NULL", "warned", "judged")}
        resolved = self.rejects.find_resolved(accepted=read + retried - counts["rejected"])
        return LoadResult(
            Counts(**counts),
            per_file,
            reasons,
            warnings,
            healed,
            waiting,
            differing,
            verdicts.get("refresh", 0),
            resolved,
        )

    def _tally(self, group: str, texts: str, relation: str) -> list[tuple[Any, ...]]:
        """How often each of the joined reasons or warnings stands in a column, by group."""
        return self._all(
            f"SELECT g, text, count(*) FROM (SELECT {group} AS g, unnest(string_split({texts}, '{SEPARATOR}')) AS text "
            f"FROM {relation} WHERE {texts} IS NOT NULL) GROUP BY ALL ORDER BY ALL"
        )

    def write_rejects(self, revision: int = 0) -> int | None:
        return self.rejects.write(self.chunks, revision)

    @property
    def merged_before(self) -> bool:
        """Records are settled after the MERGE, which makes no commit where nothing is to be written."""
        return delta.committed(self.table, self.transaction) or self.rejects.settled_before

    def has_written(self, load_result: LoadResult, revision: int | None) -> bool:
        merged = not load_result.written or delta.committed(self.table, self.transaction)
        return merged and (
            revision is None
            or not any(file.rejected for file in load_result.files.values())
            or self.rejects.written_before(revision)
        )

    def merge(self) -> Written | None:
        if self.merged_before:
            return None
        if not self.load_result.written:
            return Written(0, 0)
        rows = self.connection.sql(self._rows_to_write())
        if self.load_result.written == self.load_result.counts.inserted:
            return Written(delta.append(self.table, rows, self.transaction), 0)
        delta.refuse_paths_of_spark(self.table)
        every = {name: f's."{name}"' for name in (*self.contract.names, *PROVENANCE)}
        metrics = delta.merge(self.table, rows, self._merge_condition(), self.transaction, update=every, insert=True)
        return Written(metrics["num_target_rows_inserted"], metrics["num_target_rows_updated"])

    def _rows_to_write(self) -> str:
        """With the columns in the table's order: one that the contract gained later stands last there. A silent column
        has the value that was decided.
        """
        values = {name: f'j."{name}"' for name in (*self.contract.names, "source_file", "source_modified_at")}
        values |= {name: f'd."{name}"' for name in self.silent} | {"batch_id": sql_literal(self.batch_id)}
        columns = ", ".join(f'{values[field.name]} AS "{field.name}"' for field in self.table.schema().fields)
        if self.silent:
            return f"SELECT {columns} FROM judged j JOIN decided d USING (row_id) WHERE d.verdict IN {WRITTEN}"
        return f"SELECT {columns} FROM judged j {self._to_write()}"

    def _to_write(self) -> str:
        """The join that leaves what is to be written, over whichever side is the shorter list: those to write, or those
        to leave out.
        """
        counts = self.load_result.counts
        if 2 * self.load_result.written < counts.read + counts.retried:
            return f"SEMI JOIN (SELECT row_id FROM decided WHERE verdict IN {WRITTEN}) USING (row_id)"
        return f"ANTI JOIN (SELECT row_id FROM not_inserted WHERE verdict NOT IN {WRITTEN}) USING (row_id)"

    def _merge_condition(self) -> str:
        key, partition = self.contract.key, self.contract.partition
        self.connection.execute(
            f'CREATE TABLE updated AS SELECT t.* FROM current t WHERE "{key}" IN '
            f'(SELECT "{key}" FROM judged JOIN not_inserted USING (row_id) WHERE verdict IN {WRITTEN})'
        )
        ranges = key_ranges(self._ask, "updated", key, self.contract.column(key).kind)
        partitions = (
            [value for (value,) in self._all(f'SELECT DISTINCT "{partition}" FROM updated ORDER BY 1')]
            if partition
            else []
        )
        return same_row(f'"{key}"', ranges, f'"{partition}"', partitions, sql_literal)

    def settle_rejects(self) -> None:
        self.rejects.settle()

    def _ask(self, spark_sql: str) -> list[tuple[Any, ...]]:
        return self._all(for_duckdb(spark_sql))

    def _all(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def _one(self, sql: str) -> tuple[Any, ...]:
        """The only row. Fetched to its end: DuckDB 2 refuses other work on a connection with an unfinished result."""
        return self._all(sql)[0]
