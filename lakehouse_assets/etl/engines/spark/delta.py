"""Delta tables by Spark: create, look up, append, merge. Every write carries a transaction id, so that the same write
tried again is a no-op.

A load's commit is the one right after the version at which it opened the table. Delta would move an append behind any
other commit; two batches that append the same key would both be there. On S3 the log store holds Spark to it
(`logstore/`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from uuid import uuid4

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from lakehouse_assets.etl.engines.spark.cached import optimized
from lakehouse_assets.etl.engines.spark.log import NO_TABLE, Log
from lakehouse_assets.etl.engines.table import (
    NEUTRAL_PATHS,
    PROPERTIES,
    TRANSACTION_VERSION,
    another_writer,
    check_reader_version,
    new_columns,
)

COMMIT_VERSION = "spark.lakehouse.commitVersion"
"""The only version that a commit of this session may have, as the log store reads it."""
WHO_COMMITS = "spark.databricks.delta.commitInfo.userMetadata"


class Table:
    """One Delta table in one session. `version`: where it stood when it was opened, and then at this one's own last
    commit.
    """

    def __init__(self, spark: SparkSession, uri: str) -> None:
        self.spark, self.uri = spark, uri
        self.version = NO_TABLE
        self._log = Log(spark, uri)

    def open(self, columns: Mapping[str, str], partition: str | None) -> Table:
        """Creates the table if it is not there, and gives it the columns that it lacks. Raises BadConfiguration where
        it has others than the contract.
        """
        if not self.exists:
            self._create(columns, partition)
            return self
        check_reader_version(self.uri, self._log.reader_version())
        if added := new_columns(self.uri, self._log.columns(), dict(columns)):
            named = ", ".join(f"`{name}` {columns[name]}" for name in added)
            self.spark.sql(f"ALTER TABLE delta.`{self.uri}` ADD COLUMNS ({named})")
        if not self._log.has_property(NEUTRAL_PATHS):
            self.spark.sql(f"ALTER TABLE delta.`{self.uri}` SET TBLPROPERTIES ('{NEUTRAL_PATHS}' = 'true')")
        self.version = self._log.version()
        return self

    def _create(self, columns: Mapping[str, str], partition: str | None) -> None:
        """By a write of no rows. (Where a process died before its first commit, the log's folder is there. Delta's
        CREATE TABLE refuses such a place, and CREATE TABLE IF NOT EXISTS creates nothing, each time.)"""
        named = ", ".join(f"CAST(NULL AS {kind}) AS `{name}`" for name, kind in columns.items())
        rows = self.spark.sql(f"SELECT {named} WHERE FALSE")
        with self._one_commit():
            rows.write.format("delta").mode("append").options(**PROPERTIES).partitionBy(
                *([partition] if partition else [])
            ).save(self.uri)

    @property
    def exists(self) -> bool:
        return self._log.version() != NO_TABLE

    def rows(self, where: str) -> DataFrame:
        """The table's rows that satisfy a predicate, as the table is now; files are skipped by partition and
        statistics, once for all that is asked of them.
        """
        found = self.spark.read.format("delta").load(self.uri).where("FALSE" if self.empty else where)
        return optimized(self.spark, found)

    def committed(self, transaction: str) -> bool:
        """Whether the table had the transaction when it was first asked: looked up once, as it takes a job, and nobody
        writes the same one meanwhile.
        """
        return not self._was_empty and self._log.has(transaction)

    @cached_property
    def _was_empty(self) -> bool:
        return self.empty

    def append(self, rows: DataFrame, transaction: str) -> int:
        """Appends rows in one commit. Returns how many the commit says it added."""
        with self._one_commit(transaction):
            rows.write.format("delta").mode("append").save(self.uri)
        [added] = self._metrics("numOutputRows")
        return added

    def delete(self, where: str) -> None:
        """Deletes the rows that satisfy a predicate, in one commit; in none where there are none."""
        with self._one_commit():
            DeltaTable.forPath(self.spark, self.uri).delete(where)

    def merge(
        self,
        rows: DataFrame,
        condition: str,
        transaction: str,
        *,
        update: Mapping[str, str],
        insert: bool,
        only: str | None = None,
    ) -> tuple[int, int]:
        """MERGE rows (alias s) into the table (alias t) in one commit; `only`: which matched rows are updated.

        Returns how many rows the commit says it inserted and updated.
        """
        with self._one_commit(transaction):
            merger = (
                DeltaTable.forPath(self.spark, self.uri)
                .alias("t")
                .merge(rows.alias("s"), condition)
                .whenMatchedUpdate(only, dict(update))
            )
            (merger.whenNotMatchedInsertAll() if insert else merger).execute()
        inserted, updated = self._metrics("numTargetRowsInserted", "numTargetRowsUpdated")
        return inserted, updated

    def maintain(self, retain_hours: int) -> tuple[int, int, int]:
        """OPTIMIZE and VACUUM. Returns how many files were compacted, into how many, and how many old ones were
        deleted.
        """
        table = DeltaTable.forPath(self.spark, self.uri)
        [metrics] = (
            table.optimize().executeCompaction().select("metrics.numFilesRemoved", "metrics.numFilesAdded").collect()
        )
        table.vacuum(retain_hours)
        ended = [
            commit["operationMetrics"] for commit in table.history(1).collect() if commit["operation"] == "VACUUM END"
        ]
        return int(metrics[0]), int(metrics[1]), int(ended[0]["numDeletedFiles"]) if ended else 0

    @contextmanager
    def _one_commit(self, transaction: str | None = None) -> Iterator[None]:
        """The next commit carries the id and is refused where its version is taken. Both are taken back afterwards: a
        second write under the same id would be skipped. Raises TemporaryOutage where a commit with an id was skipped,
        because another process has made it meanwhile."""
        told = {COMMIT_VERSION: str(self.version + 1), WHO_COMMITS: uuid4().hex}
        if transaction:
            told |= {
                "spark.databricks.delta.write.txnAppId": transaction,
                "spark.databricks.delta.write.txnVersion": str(TRANSACTION_VERSION),
            }
        for name, value in told.items():
            self.spark.conf.set(name, value)
        try:
            yield
        finally:
            for name in told:
                self.spark.conf.unset(name)
        if self._log.version() > self.version and self._log.commit(self.version + 1).user_metadata == told[WHO_COMMITS]:
            self.version += 1
            return
        if transaction:
            raise another_writer(self.uri)

    def _metrics(self, *names: str) -> tuple[int, ...]:
        """Figures of this one's last commit."""
        metrics = self._log.commit(self.version).metrics
        return tuple(int(metrics[name]) for name in names)

    @property
    def empty(self) -> bool:
        """Whether the table is as it was created, without a file."""
        return self._log.is_empty()
