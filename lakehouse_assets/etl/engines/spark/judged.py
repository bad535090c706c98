"""The rows that a load decides on: those of its files, and the waiting orphans whose parent may have arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name that Spark's own documentation gives it

from lakehouse_assets.contracts import Contract, Parent
from lakehouse_assets.etl.engines.base import RawFile, Tables
from lakehouse_assets.etl.engines.ranges import Range, extent, key_ranges, ranges_between
from lakehouse_assets.etl.engines.spark.cached import Kept
from lakehouse_assets.etl.engines.spark.inline import listed
from lakehouse_assets.etl.engines.spark.parents import find_parent_keys
from lakehouse_assets.etl.engines.spark.raw import RawRows, first_rows, raw_rows
from lakehouse_assets.etl.engines.spark.rejects import Rejects
from lakehouse_assets.etl.plan import judge_sql, parent_keys, silence
from lakehouse_assets.etl.plan.keys import columns_of
from lakehouse_assets.landing.routing import MALFORMED
from lakehouse_assets.quoting import spark_literal

FILES = (
    "file_no int, file_id string, record string, seen_before boolean, source_file string, source_modified_at timestamp"
)
WAITING = ("record_id", "row_number", "source_file", "source_modified_at")


class JudgedRows:
    """Creates the views files, judged_rows and retried_rows, and judged over both kinds of rows. `retried`: the number
    of orphans that are retried. `silent`: the columns that the file of at least one row lacks.
    """

    def __init__(
        self,
        contract: Contract,
        tables: Tables,
        batches: Sequence[str],
        spark: SparkSession,
        kept: Kept,
        rejects: Rejects,
    ) -> None:
        """`batches`: the batches whose rows the waiting orphans were not compared with yet."""
        self.contract, self.tables, self.batches = contract, tables, batches
        self.spark, self.kept, self.rejects = spark, kept, rejects
        self.files: Sequence[RawFile] = ()
        self.raw: RawRows | None = None
        self.extents: dict[str, tuple[Any, Any, int]] = {}
        self.rows_read: Counter[int] = Counter()
        self.retried = 0
        self.silent: list[str] = []

    def read(self, files: Sequence[RawFile], environment: Mapping[str, str], links: Path) -> None:
        self.files = self.rejects.files = files
        if not files:
            return
        # A file's split into blocks depends on this setting. The rows are read again for the rejected records, and must
        # have the same ids then. (Two blocks per core, so that a smaller last block does not leave cores idle: three
        # blocks on two cores took a fifth longer than four.)
        self.spark.conf.set("spark.sql.files.minPartitionNum", str(2 * self.spark.sparkContext.defaultParallelism))
        known = [
            (n, f.file_id, f.record, f.seen_before, f.source_file, f.source_modified_at) for n, f in enumerate(files)
        ]
        self._view("files", listed(self.spark, known, FILES))
        raw = self.raw = raw_rows(self.spark, self.contract, files, environment, links)
        self._view("raw", raw.named)
        self._view("every_row", self.kept.keep(self.spark.sql(judge_sql(self.contract, "file_no", "block", "row_id"))))
        of_parents = (column for parent in self.contract.parents for column in parent.columns)
        columns = dict.fromkeys((*self.contract.keys, *of_parents))
        bounds = ", ".join(f"min(`{name}`), max(`{name}`), count(`{name}`)" for name in columns)
        blocks = self._all(
            f"SELECT file_no, block, min(row_id), count(*), {bounds} FROM every_row GROUP BY file_no, block"
        )
        self.extents = {
            name: extent([tuple(found[4 + 3 * place : 7 + 3 * place]) for found in blocks])
            for place, name in enumerate(columns)
        }
        places = self.rejects.places = first_rows(raw, [tuple(found[:4]) for found in blocks])
        for file_no, _, _, rows, *_ in blocks:
            self.rows_read[file_no] += rows
        header_rows = [(file_no, row_id) for file_no, _, row_id, number in places if number == 0]
        self.rows_read.subtract(file_no for file_no, _ in header_rows)
        headers = ", ".join(str(row_id) for _, row_id in header_rows)
        self._view(
            "judged_rows",
            self.spark.sql(f"SELECT * FROM every_row {f'WHERE row_id NOT IN ({headers})' if headers else ''}"),
        )

    def retry_orphans(self) -> None:
        if self.contract.parents:
            self._retry()
        lacking = {
            name: [number for number, file in enumerate(self.files) if name not in file.dialect.header]
            for name in self.contract.kept_names
        }
        flags = [f"bool_or(`{silence(name)}`)" for name in lacking]
        [retried] = (
            self._all(f"SELECT {', '.join(flags)} FROM retried_rows")
            if self.retried and flags
            else [[False] * len(flags)]
        )
        self.silent = [name for (name, files), found in zip(lacking.items(), retried, strict=True) if files or found]
        parts = []
        if self.files:
            lacks = {
                name: f"r.file_no IN ({', '.join(map(str, lacking[name]))})" if lacking[name] else "FALSE"
                for name in self.silent
            }
            parts.append(
                self._judged("judged_rows r JOIN files f USING (file_no)", "file_no", "r.block", "r.block", lacks)
            )
        if self.retried:
            lacks = {name: f"r.`{silence(name)}`" for name in self.silent}
            parts.append(
                self._judged("retried_rows r", "CAST(NULL AS INT)", "CAST(NULL AS BIGINT)", "r.row_number", lacks)
            )
        if parts:
            self._view("judged", parts[0] if len(parts) == 1 else parts[0].unionByName(parts[1]))

    def _judged(self, relation: str, file_no: str, block: str, place: str, lacks: Mapping[str, str]) -> DataFrame:
        """`relation` names the rows `r`. `place` and row_id: where a row is in its file."""
        # Names are qualified, because a column of the contract may have a name that `files` has, too.
        names = ", ".join(f"r.`{name}`" for name in self.contract.names)
        flags = "".join(f", {lacking} AS `{silence(name)}`" for name, lacking in lacks.items())
        return self.spark.sql(
            f"SELECT r.row_id, {file_no} AS file_no, {block} AS block, {place} AS place, {names}, r.broken, r.warned,"
            f" source_file, source_modified_at{flags} FROM {relation}"
        )

    def _retry(self) -> None:
        waiting = self.rejects.waiting((*WAITING, "raw", "reasons"))
        if waiting.isEmpty():
            return
        self._view("waiting", waiting)
        columns = ", ".join(f"raw['{name}'] AS `{name}`" for name in self.contract.file_names)
        flags = [f"raw['{name}'] IS NULL AS `{silence(name)}`" for name in self.contract.kept_names]
        carried = ", ".join((*WAITING, "reasons", *flags))
        self._view(
            "raw", self.spark.sql(f"SELECT {carried}, {columns}, CAST(NULL AS STRING) AS {MALFORMED} FROM waiting")
        )
        # Numbered here, before any shuffle: rows that are lost with a worker are computed again, and must get the same
        # numbers.
        judged = judge_sql(self.contract, *WAITING, "reasons", *map(silence, self.contract.kept_names))
        self._view(
            "orphans",
            self.kept.keep(self.spark.sql(judged).withColumn("row_id", F.expr("-1 - monotonically_increasing_id()"))),
        )
        arrived = " OR ".join(
            f"(array_contains(reasons, {spark_literal(p.reason)}) AND ({columns_of('', p.columns)}) IN (SELECT"
            f" {', '.join(parent_keys(p))} FROM {self._arrived(p)}))"
            for p in self.contract.parents
        )
        retried = self.kept.keep(self.spark.sql(f"SELECT * FROM orphans WHERE {arrived}"))
        self.retried = retried.count()
        if self.retried:
            self._view("retried_rows", retried)

    def _arrived(self, parent: Parent) -> str:
        """Creates a view of the orphans' parent keys that have arrived since the orphans were last compared with them.
        Only rows of this batch, and of the batches abandoned before it, are read, not the whole parent table.
        """
        batches = ", ".join(spark_literal(batch_id) for batch_id in self.batches)
        return find_parent_keys(
            self.spark,
            self.tables,
            parent,
            "orphans",
            self.ranges("orphans", parent.columns),
            "arrived",
            f" AND batch_id IN ({batches})",
        )

    def ranges(self, relation: str, columns: Sequence[str]) -> list[list[Range]]:
        """Returns the key ranges of each column's values in a relation of the load."""
        return [self._ranges(relation, column) for column in columns]

    def _ranges(self, relation: str, column: str) -> list[Range]:
        kind = self.contract.column(column).kind
        if relation == "judged" and not self.retried:
            return ranges_between(self._all, relation, column, kind, *self.extents[column])
        return key_ranges(self._all, relation, column, kind)

    def _view(self, name: str, rows: DataFrame) -> None:
        rows.createOrReplaceTempView(name)

    def _all(self, sql: str) -> list[Any]:
        return self.spark.sql(sql).collect()
