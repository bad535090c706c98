"""Delta tables with Spark: create, look up, append, merge. Every write of a load has a transaction id, so that
repeating it has no effect.

A load commits exactly the version after the one at which it opened the table, or fails. By default, Delta would put an
append after any other commit, and two batches that append the same key would both be in the table. On S3, the log store
enforces the version (`logstore/`).
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
"""The only version that a commit of this session may have. The log store reads it."""
WHO_COMMITS = "spark.databricks.delta.commitInfo.userMetadata"


class Table:
    """One Delta table in one session. `version`: the version at which it was opened, then that of this object's last
    commit.
    """

    def __init__(self, spark: SparkSession, uri: str) -> None:
        self.spark, self.uri = spark, uri
        self.version = NO_TABLE
        self._log = Log(spark, uri)

    def open(self, columns: Mapping[str, str], partition: str | None) -> Table:
        """Creates the table if it does not exist, and adds the columns that it lacks. Raises BadConfiguration if it has
        columns that the contract does not have.
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
        """Creates the table by writing no rows. (If a process died before its first commit, the log's folder exists.
        Delta's CREATE TABLE refuses such a place, and CREATE TABLE IF NOT EXISTS never creates a table there.)
        """
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
        """Returns the table's rows that satisfy a predicate, in the table's current version. Files are skipped by
        partition and statistics, once for all queries on these rows.
        """
        found = self.spark.read.format("delta").load(self.uri).where("FALSE" if self.empty else where)
        return optimized(self.spark, found)

    def committed(self, transaction: str) -> bool:
        """Whether the table had the transaction when this was first called. It is looked up once, because it takes a
        job, and nobody else writes the same transaction in the meantime.
        """
        return not self._was_empty and self._log.has(transaction)

    @cached_property
    def _was_empty(self) -> bool:
        return self.empty

    def append(self, rows: DataFrame, transaction: str) -> int:
        """Appends rows in one commit. Returns the number of rows that the commit reports."""
        with self._one_commit(transaction):
            rows.write.format("delta").mode("append").save(self.uri)
        [added] = self._metrics("numOutputRows")
        return added

    def delete(self, where: str) -> None:
        """Deletes the rows that satisfy a predicate, in one commit; in none if there are no such rows."""
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
        """MERGEs rows (alias s) into the table (alias t) in one commit. `only`: a condition on the matched rows that
        are updated.

        Returns the numbers of inserted and updated rows that the commit reports.
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
        """Runs OPTIMIZE and VACUUM. Returns how many files were compacted, into how many, and how many old files were
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
        """Sets the next commit's transaction id and its only permitted version, and unsets both afterwards: Delta would
        skip a second write with the same id. Raises TemporaryOutage if Delta skipped the commit because another process
        made it in the meantime.
        """
        options = {COMMIT_VERSION: str(self.version + 1), WHO_COMMITS: uuid4().hex}
        if transaction:
            options |= {
                "spark.databricks.delta.write.txnAppId": transaction,
                "spark.databricks.delta.write.txnVersion": str(TRANSACTION_VERSION),
            }
        for name, value in options.items():
            self.spark.conf.set(name, value)
        try:
            yield
        finally:
            for name in options:
                self.spark.conf.unset(name)
        if (
            self._log.version() > self.version
            and self._log.commit(self.version + 1).user_metadata == options[WHO_COMMITS]
        ):
            self.version += 1
            return
        if transaction:
            raise another_writer(self.uri)

    def _metrics(self, *names: str) -> tuple[int, ...]:
        """Metrics of this object's last commit."""
        metrics = self._log.commit(self.version).metrics
        return tuple(int(metrics[name]) for name in names)

    @property
    def empty(self) -> bool:
        """Whether the table is as it was created, without a file."""
        return self._log.is_empty()
