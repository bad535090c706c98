"""Delta tables by Spark: create, look up, append, merge. Every write carries a transaction id, so that the same write tried again is a no-op.

A load's commit is the one right after the version at which it opened the table. Delta would move an append behind any other commit; two batches that append
the same key would both be there. On S3 the log store holds Spark to it (`logstore/`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from uuid import uuid4

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from lakehouse_assets.etl.engines.table import NEUTRAL_PATHS, PROPERTIES, TRANSACTION_VERSION, another_writer, check_reader_version, new_columns

COMMIT_VERSION = "spark.lakehouse.commitVersion"
"""The only version that a commit of this session may have, as the log store reads it."""
WHO_COMMITS = "spark.databricks.delta.commitInfo.userMetadata"


class Table:
    """One Delta table in one session. `version`: where it stood when it was opened, and then at this one's own last commit."""

    def __init__(self, spark: SparkSession, uri: str) -> None:
        self.spark, self.uri = spark, uri
        self.version = -1

    def open(self, columns: Mapping[str, str], partition: str | None) -> Table:
        """Creates the table if it is not there, and gives it the columns that it lacks. Raises BadConfiguration where it has others than the contract."""
        if not self.exists:
            self._create(columns, partition)
            return self
        snapshot = self._snapshot()
        present = StructType.fromJson(json.loads(snapshot.metadata().schemaString()))
        check_reader_version(self.uri, snapshot.protocol().minReaderVersion())
        if added := new_columns(self.uri, {field.name: field.dataType.simpleString() for field in present}, dict(columns)):
            named = ", ".join(f"`{name}` {columns[name]}" for name in added)
            self.spark.sql(f"ALTER TABLE delta.`{self.uri}` ADD COLUMNS ({named})")
        if not self._snapshot().metadata().configuration().contains(NEUTRAL_PATHS):
            self.spark.sql(f"ALTER TABLE delta.`{self.uri}` SET TBLPROPERTIES ('{NEUTRAL_PATHS}' = 'true')")
        self.version = self._snapshot().version()
        return self

    def _create(self, columns: Mapping[str, str], partition: str | None) -> None:
        """By a write of no rows. (Where a process died before its first commit, the log's folder is there. Delta's CREATE TABLE refuses such a place, and
        CREATE TABLE IF NOT EXISTS creates nothing, each time.)"""
        named = ", ".join(f"CAST(NULL AS {kind}) AS `{name}`" for name, kind in columns.items())
        rows = self.spark.sql(f"SELECT {named} WHERE FALSE")
        with self._one_commit():
            rows.write.format("delta").mode("append").options(**PROPERTIES).partitionBy(*([partition] if partition else [])).save(self.uri)

    @property
    def exists(self) -> bool:
        return bool(self._snapshot().version() >= 0)

    def rows(self, where: str) -> DataFrame:
        """The table's rows that satisfy a predicate, as the table is now; files are skipped by partition and statistics, once for all that is asked of them."""
        found = self.spark.read.format("delta").load(self.uri).where("FALSE" if self.empty else where)
        return rows_of(self.spark, found._jdf.queryExecution().optimizedPlan())

    def committed(self, transaction: str) -> bool:
        """Whether the table had the transaction when it was first asked: looked up once, as it takes a job, and nobody writes the same one meanwhile."""
        return self._transactions is not None and bool(self._transactions.contains(transaction))

    @cached_property
    def _transactions(self) -> Any:
        return None if self.empty else self._snapshot().transactions()

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

    def merge(self, rows: DataFrame, condition: str, transaction: str, *, update: Mapping[str, str], insert: bool, only: str | None = None) -> tuple[int, int]:
        """MERGE rows (alias s) into the table (alias t) in one commit; `only`: which matched rows are updated.

        Returns how many rows the commit says it inserted and updated.
        """
        with self._one_commit(transaction):
            merger = DeltaTable.forPath(self.spark, self.uri).alias("t").merge(rows.alias("s"), condition).whenMatchedUpdate(only, dict(update))
            (merger.whenNotMatchedInsertAll() if insert else merger).execute()
        inserted, updated = self._metrics("numTargetRowsInserted", "numTargetRowsUpdated")
        return inserted, updated

    def maintain(self, retain_hours: int) -> tuple[int, int, int]:
        """OPTIMIZE and VACUUM. Returns how many files were compacted, into how many, and how many old ones were deleted."""
        table = DeltaTable.forPath(self.spark, self.uri)
        [metrics] = table.optimize().executeCompaction().select("metrics.numFilesRemoved", "metrics.numFilesAdded").collect()
        table.vacuum(retain_hours)
        ended = [commit["operationMetrics"] for commit in table.history(1).collect() if commit["operation"] == "VACUUM END"]
        return int(metrics[0]), int(metrics[1]), int(ended[0]["numDeletedFiles"]) if ended else 0

    @contextmanager
    def _one_commit(self, transaction: str | None = None) -> Iterator[None]:
        """The next commit carries the id and is refused where its version is taken. Both are taken back afterwards: a second write under the same id would
        be skipped. Raises TemporaryOutage where a commit with an id was skipped, because another process has made it meanwhile."""
        told = {COMMIT_VERSION: str(self.version + 1), WHO_COMMITS: uuid4().hex}
        if transaction:
            told |= {"spark.databricks.delta.write.txnAppId": transaction, "spark.databricks.delta.write.txnVersion": str(TRANSACTION_VERSION)}
        for name, value in told.items():
            self.spark.conf.set(name, value)
        try:
            yield
        finally:
            for name in told:
                self.spark.conf.unset(name)
        if self._snapshot().version() > self.version:
            who = self._commit(self.version + 1).userMetadata()
            if who.isDefined() and who.get() == told[WHO_COMMITS]:
                self.version += 1
                return
        if transaction:
            raise another_writer(self.uri)

    def _metrics(self, *names: str) -> tuple[int, ...]:
        """Figures of this one's last commit, from its file. (`history(1)` takes a job to read the same.)"""
        figures = self._commit(self.version).operationMetrics().get()
        return tuple(int(figures.apply(name)) for name in names)

    def _commit(self, version: int) -> Any:
        """What a commit says of itself."""
        jvm: Any = self.spark._jvm
        delta, log = jvm.org.apache.spark.sql.delta, self._log()
        file = delta.util.FileNames.unsafeDeltaFile(log.logPath(), version)
        return delta.DeltaHistoryManager.getCommitInfoOpt(log.store(), file, log.newDeltaHadoopConf()).get()

    @property
    def empty(self) -> bool:
        """Whether the table is as it was created, without a file: so says the checksum beside its first commit, where to count them takes a job."""
        snapshot = self._snapshot()
        checksum = snapshot.checksumOpt()
        return bool(snapshot.version() == 0 and checksum.isDefined() and checksum.get().numFiles() == 0)

    def _snapshot(self) -> Any:
        """The table's newest state. Python's API of Delta tells neither transactions nor, without a job, the schema: this is the JVM's own object."""
        jvm: Any = self.spark._jvm
        return self._log().update(False, jvm.scala.Option.empty(), jvm.scala.Option.empty())

    def _log(self) -> Any:
        jvm: Any = self.spark._jvm
        return jvm.org.apache.spark.sql.delta.DeltaLog.forTable(self.spark._jsparkSession, self.uri)


def rows_of(spark: SparkSession, plan: Any) -> DataFrame:
    """The rows of a plan of the JVM as it is: what led to it is not done again for each query on them."""
    jvm: Any = spark._jvm
    return DataFrame(jvm.org.apache.spark.sql.classic.Dataset.ofRows(spark._jsparkSession, plan), spark)
