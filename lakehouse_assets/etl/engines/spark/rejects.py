"""The rejected records of one load: the waiting ones of earlier batches, those that this batch writes, and those that
it resolves.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from lakehouse_assets.contracts import Contract
from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS, RawFile
from lakehouse_assets.etl.engines.ranges import within
from lakehouse_assets.etl.engines.spark.cached import Kept
from lakehouse_assets.etl.engines.spark.delta import Table
from lakehouse_assets.etl.engines.spark.inline import listed
from lakehouse_assets.etl.engines.table import (
    SAID_AGAIN,
    SAME_OPEN_RECORD,
    SAME_RECORD,
    SETTLED,
    STILL_SO,
    of_rejects,
    of_settled,
)
from lakehouse_assets.etl.plan import SEPARATOR, key_text
from lakehouse_assets.etl.plan.resolve import (
    CORRECTED,
    HEALED,
    REPLAYED,
    ROW_IN_TABLE,
    corrected_sql,
    identifying,
    open_records_sql,
    outdone_sql,
)
from lakehouse_assets.quoting import spark_literal

NUMBER = "p.number + d.row_id - p.first_row"
"""A row's number in its file, computed from the view `places`."""


class Rejects:
    """Reads the views `files`, `retried_rows`, `current` and `decided` of its load. `places`: see `raw.first_rows`."""

    def __init__(
        self, contract: Contract, table: Table, batch_id: str, transaction: str, spark: SparkSession, kept: Kept
    ) -> None:
        self.contract, self.table, self.batch_id, self.transaction, self.spark, self.kept = (
            contract,
            table,
            batch_id,
            transaction,
            spark,
            kept,
        )
        self.files: Sequence[RawFile] = ()
        self.places: list[tuple[int, int, int, int]] = []
        self.resolved = 0

    def waiting(self, columns: Sequence[str]) -> DataFrame:
        """Returns the waiting records of other batches, except those whose content this batch loads again (its own rows
        replace them).
        """
        return self.table.rows(
            f"waiting = true AND batch_id <> {spark_literal(self.batch_id)} AND NOT {self._of_content_seen()}"
        ).select(*columns)

    def write(self, as_read: DataFrame | None, revision: int) -> int | None:
        """See `DatasetLoad.write_rejects`. `as_read`: row_id and `raw` of each row; None if this batch rejects none."""
        if self.written_before(revision):
            return None
        if revision:
            self.table.delete(f"batch_id = {spark_literal(self.batch_id)}")
        if as_read is None:
            return 0
        self._view("as_read", as_read)
        self._view_places()
        rows = self.spark.sql(
            f"""SELECT concat(f.record, ':', {NUMBER}) AS record_id, {spark_literal(self.contract.dataset)} AS dataset,
              split(d.reasons, '{SEPARATOR}') AS reasons, r.raw, d.source_file, {NUMBER} AS row_number, d.source_modified_at,
              {spark_literal(self.batch_id)} AS batch_id, CAST(NULL AS STRING) AS healed_by, d.broken IS NULL AS waiting, {key_text(self.contract, "r.raw")} AS key,
              CAST(NULL AS STRING) AS resolved_by, CAST(NULL AS STRING) AS resolution
            FROM decided d JOIN files f USING (file_no) JOIN places p USING (file_no, block) JOIN as_read r USING (row_id) WHERE d.verdict = 'rejected'"""
        ).select(*REJECTED_COLUMNS)
        transaction = of_rejects(self.transaction, revision)
        if not self._seen():
            return self.table.append(rows, transaction)
        renewed = {name: f"s.`{name}`" for name in REJECTED_COLUMNS if name != "record_id"}
        condition = f"{SAME_RECORD} AND {self._of_content_seen('t.record_id')}"
        return sum(
            self.table.merge(self.kept.keep(rows), condition, transaction, update=renewed, insert=True, only=SAID_AGAIN)
        )

    def find_resolved(self, accepted: int, retried: int) -> int:
        """Creates the view `resolved` (record_id, resolution): the open records of other batches that this batch
        resolves, except orphans whose own row it accepts. Returns their number.
        """
        self._view(
            "resolved",
            self.spark.sql("SELECT CAST(NULL AS STRING) AS record_id, CAST(NULL AS STRING) AS resolution WHERE FALSE"),
        )
        if not accepted or self.table.empty:
            return 0
        stored = self.table.rows(
            f"healed_by IS NULL AND resolved_by IS NULL AND batch_id <> {spark_literal(self.batch_id)}"
        )
        stored = self.kept.keep(stored.select("record_id", "source_modified_at", "raw", "waiting"))
        if not stored.count():
            return 0
        self._view("stored", stored)
        names = ", ".join(f"raw['{name}'] AS `{name}`" for name in identifying(self.contract))
        self._view(
            "raw",
            self.spark.sql(
                f"SELECT record_id, source_modified_at, {names} FROM stored WHERE NOT {self._of_content_seen()}"
            ),
        )
        self._view("open_records", self.spark.sql(open_records_sql(self.contract, "record_id", "source_modified_at")))
        self._view_accepted()
        resolved = self.spark.sql(
            f"SELECT record_id, '{CORRECTED}' AS resolution FROM ({corrected_sql(self.contract)})"
        )
        if self._seen():
            self._view_places()
            resolved = resolved.unionByName(
                self.spark.sql(
                    f"""SELECT s.record_id, CASE WHEN s.waiting THEN '{HEALED}' ELSE '{REPLAYED}' END AS resolution FROM stored s JOIN (
                      SELECT concat(f.record, ':', {NUMBER}) AS record_id FROM accepted d JOIN files f USING (file_no) JOIN places p USING (file_no, block)
                      WHERE f.seen_before) again USING (record_id)"""
                )
            )
        if retried:
            resolved = resolved.join(
                self.spark.sql(
                    "SELECT record_id FROM retried_rows JOIN decided USING (row_id) WHERE verdict <> 'rejected'"
                ),
                "record_id",
                "left_anti",
            )
        resolved = self.kept.keep(resolved)
        self._view("resolved", resolved)
        self.resolved = resolved.count()
        return self.resolved

    @property
    def settled_before(self) -> bool:
        return self.table.committed(of_settled(self.transaction))

    def written_before(self, revision: int) -> bool:
        return self.table.committed(of_rejects(self.transaction, revision))

    def settle(self, retried: bool, contested: bool) -> None:
        """See `DatasetLoad.settle_rejects`. `retried`: whether orphans were retried. `contested`: whether rows of this
        batch's files were rejected, and there may be newer rows with their keys.
        """
        outdone = [self._outdone()] if contested else []
        if not (retried or outdone or self.resolved) or self.settled_before:
            return
        batch = spark_literal(self.batch_id)
        parts = ["SELECT record_id, resolution, CAST(NULL AS TIMESTAMP) AS said_at FROM resolved", *outdone]
        others = (
            f"SELECT record_id, CASE WHEN resolution = '{HEALED}' THEN {batch} END AS healed_by, FALSE AS waiting,"
            " CAST(NULL AS ARRAY<STRING>) AS reasons, "
        )
        others += f"{batch} AS resolved_by, resolution, said_at FROM ({' UNION ALL '.join(parts)})"
        if retried:
            settled = f"""SELECT r.record_id, CASE WHEN d.verdict IN {ROW_IN_TABLE} THEN {batch} END AS healed_by,
              d.verdict = 'rejected' AND r.broken IS NULL AND x.record_id IS NULL AS waiting, split(d.reasons, '{SEPARATOR}') AS reasons,
              CASE WHEN d.verdict <> 'rejected' OR x.record_id IS NOT NULL THEN {batch} END AS resolved_by,
              CASE WHEN d.verdict IN {ROW_IN_TABLE} THEN '{HEALED}'
                WHEN d.verdict <> 'rejected' OR x.record_id IS NOT NULL THEN '{CORRECTED}' END AS resolution,
              CAST(NULL AS TIMESTAMP) AS said_at
            FROM retried_rows r JOIN decided d USING (row_id) LEFT JOIN resolved x ON x.record_id = r.record_id
            UNION ALL {others} o WHERE o.record_id NOT IN (SELECT record_id FROM retried_rows)"""
        else:
            settled = others
        rows = self.kept.keep(self.spark.sql(settled))
        if rows.count():
            self.table.merge(
                rows, SAME_OPEN_RECORD, of_settled(self.transaction), update=SETTLED, insert=False, only=STILL_SO
            )

    def _outdone(self) -> str:
        """Returns a SELECT of the records of this batch whose key has a newer row in the batch or in the table."""
        self._view_places()
        self._view_accepted()
        self._view("refused", self.spark.sql("SELECT * FROM decided WHERE verdict = 'rejected' AND row_id >= 0"))
        return (
            f"SELECT concat(f.record, ':', {NUMBER}) AS record_id, '{CORRECTED}' AS resolution, f.source_modified_at AS"
            f" said_at FROM ({outdone_sql(self.contract)}) o JOIN refused d USING (row_id) JOIN files f USING (file_no)"
            " JOIN places p USING (file_no, block)"
        )

    def _view_accepted(self) -> None:
        self._view("accepted", self.spark.sql("SELECT * FROM decided WHERE verdict <> 'rejected'"))

    def _view_places(self) -> None:
        self._view(
            "places", listed(self.spark, self.places, "file_no int, block bigint, first_row bigint, number bigint")
        )

    def _seen(self) -> list[str]:
        """The beginnings of the ids of records whose content an earlier batch loaded."""
        return sorted({file.record for file in self.files if file.seen_before})

    def _of_content_seen(self, record_id: str = "record_id") -> str:
        """The predicate that a record's content is loaded again by this batch."""
        seen = [(f"{record}:", f"{record};") for record in self._seen()]
        return within(record_id, seen, spark_literal) if seen else "FALSE"

    def _view(self, name: str, rows: DataFrame) -> None:
        rows.createOrReplaceTempView(name)
