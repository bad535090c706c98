"""The steps of `DatasetLoad` in DuckDB and delta-rs.

DuckDB holds the rows in memory and spills them to the scratch folder past the setting, so memory stays bounded whatever the files' size. (A database file
as scratch space costs a quarter more: it is compressed as it is written.) `decided` has every row, for the counts; `not_inserted` has the few that need
more than an insert, so that joining it costs little.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from lakehouse_assets.contracts import PROVENANCE, Contract, Parent
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS, Counts, FileCounts, Judgement, Maintained, RawFile, Tables, Written
from lakehouse_assets.etl.engines.embedded import delta
from lakehouse_assets.etl.engines.embedded.raw import Chunk, judge_files, raw_of_rejected
from lakehouse_assets.etl.engines.judgement import COUNT_NAMES
from lakehouse_assets.etl.engines.ranges import key_ranges, same_row, sql_literal, within
from lakehouse_assets.etl.engines.table import SAME_ORPHAN, SETTLED, of_rejects
from lakehouse_assets.etl.plan import SEPARATOR, beaten_sql, decide_sql, for_duckdb, judge_sql, missing_relation, missing_sql, repeated_sql
from lakehouse_assets.landing.routing import MALFORMED

DUCKDB_TYPES = {"timestamp": "TIMESTAMPTZ", "string": "VARCHAR", "int": "INTEGER"}


@dataclass(frozen=True)
class EmbeddedEngine:
    """`memory_mb` bounds DuckDB's memory, `scratch` is where it spills (a temporary folder in it, removed at the end)."""

    scratch: Path
    memory_mb: int = 1024
    threads: int | None = None
    name: str = "embedded"
    reads_from_bucket: bool = False

    @contextmanager
    def dataset_load(self, contract: Contract, tables: Tables, batch_id: str, abandoned: Sequence[str] = ()) -> Iterator[EmbeddedLoad]:
        self.scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{contract.dataset}-", dir=self.scratch) as folder:
            connection = duckdb.connect()
            try:
                connection.execute(f"SET memory_limit='{self.memory_mb}MB'; SET temp_directory={sql_literal(f'{folder}/spill')}")
                connection.execute("SET TimeZone='UTC'; SET enable_progress_bar=false")
                if self.threads:
                    connection.execute(f"SET threads={self.threads}")
                yield EmbeddedLoad(contract, tables, batch_id, abandoned, connection, Path(folder))
            except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
                raise LakehouseError(
                    f"{contract.dataset}: the embedded engine ran out of memory or disk ({str(error).splitlines()[0]}). Nothing is lost: free disk space under "
                    f"{self.scratch} or raise LAKEHOUSE_MEMORY_MB (now {self.memory_mb}), then run the batch again."
                ) from error
            except duckdb.InvalidInputException as error:
                # It reads the stream of a table's rows, in which delta-rs says that S3 does not answer.
                if delta.OUTAGE in str(error):
                    raise delta.unreachable(f"A table that {contract.dataset} is held against", error) from error
                raise
            finally:
                connection.close()

    def maintain(self, contract: Contract, tables: Tables, retain_hours: int) -> list[Maintained]:
        uris = (tables.table(contract.dataset), tables.rejects(contract.dataset))
        found = ((uri, delta.existing_table(uri, tables.storage_options)) for uri in uris)
        return [Maintained(uri, *delta.maintain(table, retain_hours)) for uri, table in found if table is not None]


class EmbeddedLoad:
    """One dataset of one batch. Tables in the scratch database: judged_rows, retried_rows, current, missing_<column>, repeated,
    beaten, decided, not_inserted."""

    def __init__(
        self, contract: Contract, tables: Tables, batch_id: str, abandoned: Sequence[str], connection: duckdb.DuckDBPyConnection, folder: Path
    ) -> None:
        self.contract, self.batch_id, self.abandoned, self.connection, self.folder = contract, batch_id, abandoned, connection, folder
        self.tables, self.options = tables, tables.storage_options
        self.table = delta.open_table(tables.table(contract.dataset), contract.table_columns, contract.partition, self.options)
        self.rejects = delta.open_table(tables.rejects(contract.dataset), REJECTED_COLUMNS, "waiting", self.options)
        self.transaction = f"{contract.dataset}:{batch_id}"
        self.chunks: list[Chunk] = []
        self.counts = Counts()

    def read(self, files: Sequence[RawFile]) -> None:
        typed = ", ".join(f'"{column.name}" {DUCKDB_TYPES.get(column.kind, column.kind)}' for column in self.contract.columns)
        self.connection.execute(f"CREATE TABLE judged_rows (file_no INTEGER, {typed}, broken VARCHAR, warned VARCHAR)")
        self.connection.execute(
            "CREATE TABLE retried_rows (record_id VARCHAR, row_number BIGINT, source_file VARCHAR, source_modified_at TIMESTAMPTZ, "
            f"{typed}, broken VARCHAR, warned VARCHAR)"
        )
        self.connection.execute(
            "CREATE TABLE files (file_no INTEGER, file_id VARCHAR, record VARCHAR, seen_before BOOLEAN, source_file VARCHAR, source_modified_at TIMESTAMPTZ)"
        )
        if files:
            self.connection.executemany(
                "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?)",
                [(number, file.file_id, file.record, file.seen_before, file.source_file, file.source_modified_at) for number, file in enumerate(files)],
            )
        self.chunks = judge_files(self.connection, self.contract, files, self.folder)
        names = ", ".join(f'"{name}"' for name in self.contract.names)
        self.connection.execute(
            f"CREATE VIEW judged AS SELECT j.rowid AS row_id, {names}, broken, warned, f.source_file, f.source_modified_at, j.file_no "
            f"FROM judged_rows j JOIN files f USING (file_no) UNION ALL "
            f"SELECT -1 - r.rowid, {names}, broken, warned, source_file, source_modified_at, NULL FROM retried_rows r"
        )

    def retry_orphans(self) -> None:
        if not self.contract.parents:
            return
        waiting = delta.look_up(
            self.rejects,
            ["record_id", "row_number", "source_file", "source_modified_at", "raw", "reasons"],
            f"waiting = true AND batch_id <> {sql_literal(self.batch_id)}",
        )
        self.connection.execute("CREATE TABLE waiting AS SELECT * FROM waiting")
        del waiting
        columns = ", ".join(f"""raw['{name}'] AS "{name}\"""" for name in self.contract.names)
        carried = ("record_id", "row_number", "source_file", "source_modified_at")
        self.connection.execute(f"CREATE OR REPLACE TEMP VIEW raw AS SELECT {', '.join(carried)}, {columns}, CAST(NULL AS VARCHAR) AS {MALFORMED} FROM waiting")
        self.connection.execute(f"CREATE TABLE orphans AS {for_duckdb(judge_sql(self.contract, *carried))}")
        arrived = " OR ".join(
            f'(list_contains(w.reasons, {sql_literal(p.reason)}) AND "{p.column}" IN (SELECT parent_key FROM {self._arrived(p)}))'
            for p in self.contract.parents
        )
        self.connection.execute(f"INSERT INTO retried_rows SELECT o.* FROM orphans o JOIN waiting w USING (record_id) WHERE {arrived}")

    def _arrived(self, parent: Parent) -> str:
        """The orphans' parent keys that came since they were last held against them: only rows of this batch, and of those abandoned before it, are looked at,
        not the whole parent table."""
        batches = ", ".join(sql_literal(batch_id) for batch_id in (self.batch_id, *self.abandoned))
        return self._keys_of(parent, "orphans", f"arrived_{parent.column}", f" AND batch_id IN ({batches})")

    def _keys_of(self, parent: Parent, relation: str, into: str, condition: str = "") -> str:
        table = delta.existing_table(self.tables.table(parent.dataset), self.options)
        ranges = key_ranges(self._ask, relation, parent.column, self.contract.column(parent.column).kind)
        if table is None or not ranges:
            self.connection.execute(f'CREATE TABLE {into} AS SELECT "{parent.column}" AS parent_key FROM judged_rows LIMIT 0')
            return into
        found = delta.look_up(table, [parent.key], within(f'"{parent.key}"', ranges, sql_literal) + condition)
        self.connection.execute(f'CREATE TABLE {into} AS SELECT "{parent.key}" AS parent_key FROM found')
        del found
        return into

    def decide(self) -> Judgement:
        for parent in self.contract.parents:
            existing = self._keys_of(parent, "judged", f"existing_{parent.column}")
            self.connection.execute(f"CREATE TABLE {missing_relation(parent.column)} AS {for_duckdb(missing_sql(parent.column, existing))}")
        self._read_current()
        self.connection.execute(f"CREATE TABLE repeated AS {for_duckdb(repeated_sql(self.contract))}")
        self.connection.execute(f"CREATE TABLE beaten AS {for_duckdb(beaten_sql(self.contract))}")
        self.connection.execute(f"CREATE TABLE decided AS {for_duckdb(decide_sql(self.contract))}")
        self.connection.execute("CREATE TABLE not_inserted AS SELECT * FROM decided WHERE verdict <> 'insert'")
        return self._judgement()

    def _read_current(self) -> None:
        """The table's rows whose keys lie in the batch's key ranges: they may be updated, and are compared."""
        names = [*self.contract.names, "source_file", "source_modified_at"]
        ranges = key_ranges(self._ask, "judged", self.contract.key, self.contract.column(self.contract.key).kind)
        current = delta.look_up(self.table, names, within(f'"{self.contract.key}"', ranges, sql_literal) if ranges else "false")
        self.connection.execute("CREATE TABLE current AS SELECT * FROM current")
        del current

    def _judgement(self) -> Judgement:
        verdicts = dict(self._all("SELECT verdict, count(*) FROM decided GROUP BY verdict"))
        (read,) = self._one("SELECT count(*) FROM judged_rows")
        (retried,) = self._one("SELECT count(*) FROM retried_rows")
        (healed,) = self._one("SELECT count(*) FROM decided WHERE row_id < 0 AND verdict IN ('insert', 'update')")
        self.counts = Counts(read, retried, **{COUNT_NAMES[verdict]: number for verdict, number in verdicts.items()})
        files = dict(self._all("SELECT file_no, file_id FROM files"))
        per_file = {file_id: FileCounts() for file_id in files.values()}
        for file_no, *counts in self._all(
            "SELECT file_no, count(*), count(*) FILTER (WHERE verdict = 'rejected'), count(*) FILTER (WHERE coalesce(verdict, 'update') = 'update') "
            "FROM judged_rows j LEFT JOIN not_inserted n ON n.row_id = j.rowid GROUP BY file_no"
        ):
            per_file[files[file_no]] = FileCounts(*counts)
        for file_no, warning, number in self._tally("file_no", "warned", "judged_rows"):
            per_file[files[file_no]].warnings[warning] = number
        reasons = {reason: number for _, reason, number in self._tally("NULL", "reasons", "not_inserted")}
        warnings = {warning: number for _, warning, number in self._tally("NULL", "warned", "judged")}
        (waiting,) = self._one("SELECT count(*) FROM judged JOIN not_inserted USING (row_id) WHERE verdict = 'rejected' AND broken IS NULL")
        return Judgement(self.counts, per_file, reasons, warnings, healed, waiting)

    def _tally(self, group: str, texts: str, relation: str) -> list[tuple[Any, ...]]:
        """How often each of the joined reasons or warnings stands in a column, by group."""
        return self._all(
            f"SELECT g, text, count(*) FROM (SELECT {group} AS g, unnest(string_split({texts}, '{SEPARATOR}')) AS text "
            f"FROM {relation} WHERE {texts} IS NOT NULL) GROUP BY ALL ORDER BY ALL"
        )

    def write_rejects(self, revision: int = 0) -> int | None:
        transaction = of_rejects(self.transaction, revision)
        if delta.committed(self.rejects, transaction):
            return None
        if revision:
            delta.delete(self.rejects, f"batch_id = {sql_literal(self.batch_id)}")
        if not self._one("SELECT count(*) FROM not_inserted WHERE verdict = 'rejected' AND row_id >= 0")[0]:
            return 0
        self.connection.execute("CREATE TABLE first_rows AS SELECT file_no, min(rowid) AS first_row FROM judged_rows GROUP BY file_no")
        self.connection.execute(f"CREATE TABLE raws AS {' UNION ALL '.join(raw_of_rejected(chunk) for chunk in self.chunks)}")
        self._read_known_rejects()
        self.connection.execute(
            "CREATE TABLE rejected AS SELECT f.record || ':' || (j.rowid - n.first_row + 1) AS record_id, "
            f"'{self.contract.dataset}' AS dataset, string_split(d.reasons, '{SEPARATOR}') AS reasons, r.raw, f.source_file, "
            f"j.rowid - n.first_row + 1 AS row_number, f.source_modified_at, '{self.batch_id}' AS batch_id, "
            "CAST(NULL AS VARCHAR) AS healed_by, j.broken IS NULL AS waiting "
            "FROM not_inserted d JOIN judged_rows j ON j.rowid = d.row_id JOIN files f USING (file_no) JOIN first_rows n USING (file_no) "
            "JOIN raws r USING (row_id) WHERE d.verdict = 'rejected'"
        )
        self.connection.execute("DELETE FROM rejected WHERE record_id IN (SELECT record_id FROM known_rejects)")
        if not self._one("SELECT count(*) FROM rejected")[0]:
            return 0
        return delta.append(self.rejects, self.connection.sql("SELECT * FROM rejected"), transaction)

    def _read_known_rejects(self) -> None:
        """Records of content that an earlier batch brought: they are in the table already and are not written twice."""
        seen = [record for (record,) in self._all("SELECT DISTINCT record FROM files WHERE seen_before")]
        where = within('"record_id"', [(f"{record}:", f"{record};") for record in seen], sql_literal) if seen else "false"
        known = delta.look_up(self.rejects, ["record_id"], where)
        self.connection.execute("CREATE TABLE known_rejects AS SELECT * FROM known")
        del known

    @property
    def merged_before(self) -> bool:
        """Orphans are settled after the MERGE, which makes no commit where nothing is to be inserted or updated."""
        return delta.committed(self.table, self.transaction) or delta.committed(self.rejects, f"orphans:{self.transaction}")

    def merge(self) -> Written | None:
        if self.merged_before:
            return None
        if not self.counts.inserted + self.counts.updated:
            return Written(0, 0)
        names = ", ".join(f'"{name}"' for name in self.contract.names)
        rows = self.connection.sql(f"SELECT {names}, '{self.batch_id}' AS batch_id, source_file, source_modified_at FROM judged {self._to_write()}")
        if not self.counts.updated:
            return Written(delta.append(self.table, rows, self.transaction), 0)
        every = {name: f's."{name}"' for name in (*self.contract.names, *PROVENANCE)}
        metrics = delta.merge(self.table, rows, self._merge_condition(), self.transaction, update=every, insert=True)
        return Written(metrics["num_target_rows_inserted"], metrics["num_target_rows_updated"])

    def _to_write(self) -> str:
        """The join that leaves the inserts and updates, over whichever side is the shorter list: those to write, or those to leave out."""
        to_write = self.counts.inserted + self.counts.updated
        if 2 * to_write < self.counts.read + self.counts.retried:
            return "SEMI JOIN (SELECT row_id FROM decided WHERE verdict IN ('insert', 'update')) USING (row_id)"
        return "ANTI JOIN (SELECT row_id FROM not_inserted WHERE verdict <> 'update') USING (row_id)"

    def _merge_condition(self) -> str:
        key, partition = self.contract.key, self.contract.partition
        self.connection.execute(
            f'CREATE TABLE updated AS SELECT t.* FROM current t WHERE "{key}" IN '
            f"(SELECT \"{key}\" FROM judged JOIN not_inserted USING (row_id) WHERE verdict = 'update')"
        )
        ranges = key_ranges(self._ask, "updated", key, self.contract.column(key).kind)
        partitions = [value for (value,) in self._all(f'SELECT DISTINCT "{partition}" FROM updated ORDER BY 1')] if partition else []
        return same_row(f'"{key}"', ranges, f'"{partition}"', partitions, sql_literal)

    def settle_orphans(self) -> None:
        if not self._one("SELECT count(*) FROM retried_rows")[0] or delta.committed(self.rejects, f"orphans:{self.transaction}"):
            return
        rows = self.connection.sql(
            f"SELECT r.record_id, CASE WHEN d.verdict <> 'rejected' THEN '{self.batch_id}' END AS healed_by, "
            f"d.verdict = 'rejected' AND r.broken IS NULL AS waiting, string_split(d.reasons, '{SEPARATOR}') AS reasons "
            "FROM retried_rows r JOIN decided d ON d.row_id = -1 - r.rowid"
        )
        delta.merge(self.rejects, rows, SAME_ORPHAN, f"orphans:{self.transaction}", update=SETTLED, insert=False)

    def _ask(self, spark_sql: str) -> list[tuple[Any, ...]]:
        return self._all(for_duckdb(spark_sql))

    def _all(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def _one(self, sql: str) -> tuple[Any, ...]:
        """The only row. Fetched to its end: DuckDB 2 refuses other work on a connection with an unfinished result."""
        return self._all(sql)[0]
