"""The steps of `DatasetLoad` in Spark and Delta Lake.

Rows stay on the workers. The driver gets counts, key ranges, and one line for each block of a file. What is read more
than once is cached, on disk if memory runs out: the validated rows and their verdicts. The relations of the plan are
views of this load's own session. `judged` provides the rows to decide on; `rejects` handles the rejected records.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that Spark's own documentation gives it

from lakehouse_assets.contracts import PROVENANCE, Contract, Kind
from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS, LoadResult, RawFile, Tables, Written
from lakehouse_assets.etl.engines.load_result import load_result_of
from lakehouse_assets.etl.engines.ranges import Range, ranges_between, same_row, within_each
from lakehouse_assets.etl.engines.spark.cached import Kept, bytes_kept
from lakehouse_assets.etl.engines.spark.delta import Table
from lakehouse_assets.etl.engines.spark.judged import JudgedRows
from lakehouse_assets.etl.engines.spark.parents import find_parent_keys
from lakehouse_assets.etl.engines.spark.rejects import Rejects
from lakehouse_assets.etl.engines.table import transaction_of
from lakehouse_assets.etl.plan import (
    PLACE,
    WRITTEN,
    beaten_sql,
    decide_sql,
    filled_sql,
    missing_relation,
    missing_sql,
    repeated_sql,
)
from lakehouse_assets.etl.plan.keys import columns_of
from lakehouse_assets.quoting import spark_literal

OF_A_LOAD = {
    # Cached rows are read a few times and dropped. Finding the best compression for each column took as long as
    # validating the rows (5 s per million).
    "spark.sql.inMemoryColumnarStorage.compressed": "false",
    # If a partition of the smaller side is at most this large, a join builds a hash table of it instead of sorting both
    # sides.
    "spark.sql.adaptive.maxShuffledHashJoinLocalMapThreshold": "64MB",
    # The size of the partitions that a MERGE rewrites. With the default of 64 MB there are three for 5 million rows,
    # and a core is idle during the last.
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "16MB",
}
MOST_BROADCAST = 1_000_000
"""The greatest number of keys of which every worker gets a copy: some tens of megabytes."""
MOST_BROADCAST_BYTES = 128 << 20
"""The greatest size of rows of which every worker gets a copy. With its hash table, the copy takes about twice as much
memory of each worker and of the driver.
"""


class SparkLoad:
    """One dataset of one batch. Views, besides those of `JudgedRows`: current, a `missing_relation` for each parent,
    repeated, filled, beaten, decided.
    """

    def __init__(
        self,
        contract: Contract,
        tables: Tables,
        batch_id: str,
        abandoned: Sequence[str],
        spark: SparkSession,
        environment: Mapping[str, str],
        links: Path,
    ) -> None:
        self.contract, self.tables, self.batch_id = contract, tables, batch_id
        self.spark, self.environment, self.links = spark, environment, links
        self.table = Table(spark, tables.table(contract.dataset)).open(contract.table_columns, contract.partition)
        self.transaction = transaction_of(contract.dataset, batch_id)
        self.load_result = load_result_of([], {}, {}, 0)
        self.kept = Kept(spark)
        self.meets_rows = False
        rejected = Table(spark, tables.rejects(contract.dataset)).open(REJECTED_COLUMNS, "waiting")
        self.rejects = Rejects(contract, rejected, batch_id, self.transaction, spark, self.kept)
        self.judged = JudgedRows(contract, tables, (batch_id, *abandoned), spark, self.kept, self.rejects)

    def read(self, files: Sequence[RawFile]) -> None:
        for name, value in OF_A_LOAD.items():
            self.spark.conf.set(name, value)
        self.judged.read(files, self.environment, self.links)

    def retry_orphans(self) -> None:
        self.judged.retry_orphans()

    def decide(self) -> LoadResult:
        if not self.judged.files and not self.judged.retried:
            return self.load_result
        for parent in self.contract.parents:
            existing = find_parent_keys(
                self.spark,
                self.tables,
                parent,
                "judged",
                self.judged.ranges("judged", parent.columns),
                "existing",
            )
            self._counted(missing_relation(parent), missing_sql(parent, existing))
        ranges = self._by_key(self.judged.ranges("judged", self.contract.keys))
        current = self.table.rows(within_each(ranges, spark_literal) if all(ranges.values()) else "FALSE")
        self._view("current", current)
        differing = self._find_duplicates()
        carried = (
            "file_no",
            "block",
            "place",
            *self.contract.names,
            "broken",
            "warned",
            "source_file",
            "source_modified_at",
        )
        decided = self.spark.sql(decide_sql(self.contract, *carried, placed=True, silent=self.judged.silent))
        # If the table has none of the keys, the result is not worth caching: all that is joined with the judged rows is
        # small.
        self.meets_rows = not current.isEmpty()
        self._view("decided", self.kept.keep(decided) if self.meets_rows else decided)
        waits = "verdict = 'rejected' AND broken IS NULL"
        # Not GROUP BY ALL: if there is a column of that name, Spark groups by it.
        groups = self._all(
            f"SELECT file_no, verdict, reasons, warned, {waits}, count(*) FROM decided GROUP BY file_no, verdict,"
            f" reasons, warned, {waits}"
        )
        found = load_result_of(
            groups,
            {number: file.file_id for number, file in enumerate(self.judged.files)},
            self.judged.rows_read,
            self.judged.retried,
        )
        resolved = self.rejects.find_resolved(
            accepted=found.counts.read + found.counts.retried - found.counts.rejected, retried=self.judged.retried
        )
        self.load_result = replace(found, differing=differing, resolved=resolved)
        return self.load_result

    def _find_duplicates(self) -> int:
        """Creates the view `beaten`, and `filled` for silent columns. Returns how many duplicates differ from the row
        that beats them.
        """
        crowded = self._crowded()
        if crowded and self._counted("repeated", repeated_sql(self.contract, crowded)):
            self._counted("beaten", beaten_sql(self.contract, self.judged.silent))
            if self.judged.silent:
                self._counted("filled", filled_sql(self.contract, self.judged.silent))
            [(differing,)] = self._all("SELECT count(*) FROM beaten WHERE differs")
            return int(differing)
        self._view("beaten", self.spark.sql("SELECT CAST(NULL AS BIGINT) AS row_id WHERE FALSE"))
        columns = "".join(f", `{name}`, FALSE AS `said {name}`" for name in self.judged.silent)
        keys = columns_of("", self.contract.keys)
        self._view("filled", self.spark.sql(f"SELECT {keys}{columns} FROM judged WHERE FALSE"))
        return 0

    def _crowded(self) -> str | None:
        """Returns the name of a relation of the rows whose keys may be repeated; None if no key is. Keys of one whole
        number are examined 64 at a time, with one bit for each: if fewer bits are set than rows counted, keys are
        repeated. Usually none are, and a sum for each 64 neighbours is fast; a group for each key took a third of the
        time to decide.
        """
        key = f"`{self.contract.keys[0]}`"
        if len(self.contract.keys) > 1 or self.contract.column(self.contract.keys[0]).kind is Kind.STRING:
            return "judged"
        crowds = (
            f"SELECT shiftright({key}, 6) AS crowd FROM judged WHERE {key} IS NOT NULL GROUP BY shiftright({key}, 6) "
            f"HAVING bit_count(bit_or(shiftleft(1L, CAST({key} & 63 AS INT)))) < count(*)"
        )
        if not self._counted("crowds", crowds):
            return None
        self._view(
            "crowded",
            self.spark.sql(f"SELECT j.* FROM judged j LEFT SEMI JOIN crowds c ON shiftright(j.{key}, 6) = c.crowd"),
        )
        return "crowded"

    def write_rejects(self, revision: int = 0) -> int | None:
        rejected = any(file.rejected for file in self.load_result.files.values())
        return self.rejects.write(
            self.judged.raw.as_read if self.judged.raw is not None and rejected else None, revision
        )

    @property
    def merged_before(self) -> bool:
        """Also true if records were settled: that happens after the MERGE, which makes no commit if there is nothing to
        write.
        """
        return self.table.committed(self.transaction) or self.rejects.settled_before

    def has_written(self, load_result: LoadResult, revision: int | None) -> bool:
        merged = not load_result.written or self.table.committed(self.transaction)
        return merged and (
            revision is None
            or not any(file.rejected for file in load_result.files.values())
            or self.rejects.written_before(revision)
        )

    def merge(self) -> Written | None:
        if self.merged_before:
            return None
        counts, written = self.load_result.counts, self.load_result.written
        if not written:
            return Written(0, 0)
        changes = self.spark.sql(f"SELECT * FROM decided WHERE verdict IN {WRITTEN}")
        if written == counts.inserted:
            return Written(self.table.append(self._as_written(changes), self.transaction), 0)
        changes = self.kept.keep(changes)
        self._view("changes", changes)
        condition = self._merge_condition()
        # If nothing is inserted and every worker has the changes, Delta reads the table's rows without a shuffle.
        # Otherwise both sides are shuffled.
        rows = self._as_written(changes)
        if not counts.inserted and bytes_kept(changes) <= MOST_BROADCAST_BYTES:
            rows = F.broadcast(rows)
        every = {name: f"s.`{name}`" for name in (*self.contract.names, *PROVENANCE)}
        return Written(*self.table.merge(rows, condition, self.transaction, update=every, insert=bool(counts.inserted)))

    def _as_written(self, changes: DataFrame) -> DataFrame:
        written = (*self.contract.names, *PROVENANCE)
        return changes.withColumn("batch_id", F.lit(self.batch_id)).select(*(f"`{name}`" for name in written))

    def _merge_condition(self) -> str:
        keys, partition = self.contract.keys, self.contract.partition
        self._view("updated", self.spark.sql("SELECT * FROM changes WHERE verdict <> 'insert'"))
        places = f"sort_array(collect_set({PLACE}))" if partition else "array()"
        bounds = ", ".join(f"min(`{key}`), max(`{key}`), count(`{key}`)" for key in keys)
        [(*found, partitions)] = self._all(f"SELECT {bounds}, {places} FROM updated")
        ranges = [
            ranges_between(self._all, "updated", key, self.contract.column(key).kind, *found[3 * place : 3 * place + 3])
            for place, key in enumerate(keys)
        ]
        return same_row(self._by_key(ranges), f"`{partition}`", partitions, spark_literal)

    def _by_key(self, ranges: Sequence[list[Range]]) -> dict[str, list[Range]]:
        """The ranges of each column of the key, by its name in quotes."""
        return {f"`{key}`": found for key, found in zip(self.contract.keys, ranges, strict=True)}

    def settle_rejects(self) -> None:
        counts = self.load_result.counts
        others = self.meets_rows or counts.rejected < counts.read + counts.retried
        self.rejects.settle(
            bool(self.judged.retried), others and any(file.rejected for file in self.load_result.files.values())
        )

    def forget(self) -> None:
        """Frees what was cached for this load."""
        self.kept.forget()

    def _counted(self, name: str, sql: str) -> int:
        """Creates a view of a result that is usually small, and mostly empty. It is evaluated now, so that Spark knows
        its size when it plans joins with it. Returns the number of its rows.
        """
        rows = self.kept.keep(self.spark.sql(sql))
        number = rows.count()
        if not number:
            rows = rows.where("FALSE")
        elif number <= MOST_BROADCAST:
            rows = F.broadcast(rows)
        self._view(name, rows)
        return number

    def _view(self, name: str, rows: DataFrame) -> None:
        rows.createOrReplaceTempView(name)

    def _all(self, sql: str) -> list[Any]:
        return self.spark.sql(sql).collect()
