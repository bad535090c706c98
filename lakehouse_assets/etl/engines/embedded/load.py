"""The steps of `DatasetLoad` in DuckDB and delta-rs.

`decided` has every row, for the counts. `not_inserted` has the few rows that need more than an insert, so that joining
it is cheap. `judged` provides the rows to decide on; `rejects` handles the rejected records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

from lakehouse_assets.contracts import PROVENANCE, Contract
from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS, Counts, FileCounts, LoadResult, RawFile, Tables, Written
from lakehouse_assets.etl.engines.embedded import delta
from lakehouse_assets.etl.engines.embedded.judged import JudgedRows
from lakehouse_assets.etl.engines.embedded.parents import find_parent_keys
from lakehouse_assets.etl.engines.embedded.queries import only_row, rows_of
from lakehouse_assets.etl.engines.embedded.rejects import Rejects
from lakehouse_assets.etl.engines.load_result import COUNT_NAMES
from lakehouse_assets.etl.engines.ranges import Range, same_row, within_each
from lakehouse_assets.etl.engines.table import transaction_of
from lakehouse_assets.etl.plan import (
    SEPARATOR,
    WRITTEN,
    beaten_sql,
    decide_sql,
    filled_sql,
    for_duckdb,
    missing_relation,
    missing_sql,
    repeated_sql,
)
from lakehouse_assets.etl.plan.trial import duckdb_type
from lakehouse_assets.quoting import sql_literal


class EmbeddedLoad:
    """One dataset of one batch. Tables in the scratch database, besides those of `JudgedRows`: current,
    the missing parents (`missing_relation`), repeated, filled, beaten, decided, not_inserted.
    """

    def __init__(
        self,
        contract: Contract,
        tables: Tables,
        batch_id: str,
        abandoned: Sequence[str],
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
    ) -> None:
        self.contract, self.tables, self.batch_id = contract, tables, batch_id
        self.connection, self.folder = connection, folder
        self.table = self._opened(tables.table(contract.dataset), contract.table_columns, contract.partition)
        self.transaction = transaction_of(contract.dataset, batch_id)
        rejected = self._opened(tables.rejects(contract.dataset), REJECTED_COLUMNS, "waiting")
        self.rejects = Rejects(contract, rejected, batch_id, self.transaction, connection)
        self.judged = JudgedRows(contract, tables, (batch_id, *abandoned), connection, self.rejects)
        self.load_result = LoadResult(Counts(), {}, {}, {}, 0)

    def _opened(self, uri: str, columns: Mapping[str, str], partition: str | None) -> DeltaTable:
        return delta.open_table(uri, columns, partition, self.tables.storage_options)

    def read(self, files: Sequence[RawFile]) -> None:
        self.judged.read(files, self.folder)

    def retry_orphans(self) -> None:
        self.judged.retry_orphans()

    def decide(self) -> LoadResult:
        silent = self.judged.silent
        for parent in self.contract.parents:
            ranges = self.judged.ranges("judged", parent.columns)
            existing = find_parent_keys(self.connection, self.tables, parent, ranges, "existing")
            self.connection.execute(
                f"CREATE TABLE {missing_relation(parent)} AS {for_duckdb(missing_sql(parent, existing))}"
            )
        self._read_current()
        self.connection.execute(f"CREATE TABLE repeated AS {for_duckdb(repeated_sql(self.contract))}")
        self.connection.execute(f"CREATE TABLE beaten AS {for_duckdb(beaten_sql(self.contract, silent))}")
        if silent:
            self.connection.execute(f"CREATE TABLE filled AS {for_duckdb(filled_sql(self.contract, silent))}")
        self.connection.execute(
            f"CREATE TABLE decided AS {for_duckdb(decide_sql(self.contract, *silent, silent=silent))}"
        )
        self.connection.execute("CREATE TABLE not_inserted AS SELECT * FROM decided WHERE verdict <> 'insert'")
        self.load_result = self._load_result()
        return self.load_result

    def _read_current(self) -> None:
        """Creates the table `current`: the table's rows whose keys are in the batch's key ranges. The batch's rows are
        compared with them.
        """
        present = {field.name for field in self.table.schema().fields}
        names = [name for name in (*self.contract.names, "source_file", "source_modified_at") if name in present]
        ranges = self._key_ranges("judged")
        current = delta.look_up(
            self.table, names, within_each(ranges, sql_literal) if all(ranges.values()) else "false"
        )
        self.connection.execute("CREATE TABLE current AS SELECT * FROM current")
        del current
        for column in self.contract.columns:
            if column.name not in present:  # in a dry run, which does not add columns to the table
                self.connection.execute(f'ALTER TABLE current ADD COLUMN "{column.name}" {duckdb_type(column)}')

    def _key_ranges(self, relation: str) -> dict[str, list[Range]]:
        """Returns the ranges of each column of the key, whose name is in quotes."""
        keys = self.contract.keys
        return {f'"{key}"': found for key, found in zip(keys, self.judged.ranges(relation, keys), strict=True)}

    def _load_result(self) -> LoadResult:
        verdicts = dict(rows_of(self.connection, "SELECT verdict, count(*) FROM decided GROUP BY verdict"))
        (read,) = only_row(self.connection, "SELECT count(*) FROM judged_rows")
        (retried,) = only_row(self.connection, "SELECT count(*) FROM retried_rows")
        (healed,) = only_row(
            self.connection, "SELECT count(*) FROM decided WHERE row_id < 0 AND verdict IN ('insert', 'update')"
        )
        (waiting,) = only_row(
            self.connection,
            "SELECT count(*) FROM not_inserted JOIN judged USING (row_id) WHERE verdict = 'rejected' AND broken IS"
            " NULL",
        )
        (differing,) = only_row(self.connection, "SELECT count(*) FROM beaten WHERE differs")
        counts = Counter(read=read, retried=retried)
        for verdict, number in verdicts.items():
            counts[COUNT_NAMES[verdict]] += number
        files = dict(rows_of(self.connection, "SELECT file_no, file_id FROM files"))
        per_file = {file_id: FileCounts() for file_id in files.values()}
        for file_no, *of_file in rows_of(
            self.connection,
            "SELECT file_no, count(*), count(*) FILTER (WHERE verdict = 'rejected'), count(*) FILTER (WHERE"
            " coalesce(verdict, 'update') = 'update') FROM judged_rows j LEFT JOIN not_inserted n ON n.row_id = j.rowid"
            " GROUP BY file_no",
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
        """Returns, by group, how often each of the joined reasons or warnings occurs in a column."""
        return rows_of(
            self.connection,
            f"SELECT g, text, count(*) FROM (SELECT {group} AS g, unnest(string_split({texts}, '{SEPARATOR}')) AS text "
            f"FROM {relation} WHERE {texts} IS NOT NULL) GROUP BY ALL ORDER BY ALL",
        )

    def write_rejects(self, revision: int = 0) -> int | None:
        return self.rejects.write(self.judged.chunks, revision)

    @property
    def merged_before(self) -> bool:
        """Also true if records were settled: that happens after the MERGE, which makes no commit if there is nothing to
        write.
        """
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
        """The columns are in the table's order: a column that the contract gained later is last there. A silent column
        has the value that was decided.
        """
        values = {name: f'j."{name}"' for name in (*self.contract.names, "source_file", "source_modified_at")}
        values |= {name: f'd."{name}"' for name in self.judged.silent} | {"batch_id": sql_literal(self.batch_id)}
        columns = ", ".join(f'{values[field.name]} AS "{field.name}"' for field in self.table.schema().fields)
        if self.judged.silent:
            return f"SELECT {columns} FROM judged j JOIN decided d USING (row_id) WHERE d.verdict IN {WRITTEN}"
        return f"SELECT {columns} FROM judged j {self._to_write()}"

    def _to_write(self) -> str:
        """The join that leaves the rows to write. It uses the shorter list: of the rows to write, or of the rows to
        leave out.
        """
        counts = self.load_result.counts
        if 2 * self.load_result.written < counts.read + counts.retried:
            return f"SEMI JOIN (SELECT row_id FROM decided WHERE verdict IN {WRITTEN}) USING (row_id)"
        return f"ANTI JOIN (SELECT row_id FROM not_inserted WHERE verdict NOT IN {WRITTEN}) USING (row_id)"

    def _merge_condition(self) -> str:
        partition, keys = self.contract.partition, ", ".join(f'"{key}"' for key in self.contract.keys)
        self.connection.execute(
            f"CREATE TABLE updated AS SELECT t.* FROM current t WHERE ({keys}) IN "
            f"(SELECT {keys} FROM judged JOIN not_inserted USING (row_id) WHERE verdict IN {WRITTEN})"
        )
        partitions = (
            [value for (value,) in rows_of(self.connection, f'SELECT DISTINCT "{partition}" FROM updated ORDER BY 1')]
            if partition
            else []
        )
        return same_row(self._key_ranges("updated"), f'"{partition}"', partitions, sql_literal)

    def settle_rejects(self) -> None:
        self.rejects.settle()
