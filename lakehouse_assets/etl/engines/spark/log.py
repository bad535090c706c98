"""Reads the log of a Delta table: its version, columns, properties and transactions, and what a commit did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from lakehouse_assets.etl.engines.spark.private import either

NO_TABLE = -1


@dataclass(frozen=True)
class Commit:
    """What a commit records about itself. `metrics`: by Delta's names."""

    user_metadata: str | None
    metrics: Mapping[str, str]


class Log:
    """The log of one table. Each call returns its current state.

    Delta's own object is used first: the public API does not return transactions at all, and needs a job for the rest.
    """

    def __init__(self, spark: SparkSession, uri: str) -> None:
        self.spark, self.uri = spark, uri

    def version(self) -> int:
        """The newest version; NO_TABLE if there is no table."""
        return either("DeltaLog", lambda: int(self._snapshot().version()), self._newest_version)

    def columns(self) -> dict[str, str]:
        """Each column's type, as Spark writes it."""
        fields = either(
            "Metadata",
            lambda: StructType.fromJson(json.loads(self._snapshot().metadata().schemaString())),
            lambda: self._rows().schema,
        )
        return {field.name: field.dataType.simpleString() for field in fields}

    def reader_version(self) -> int:
        return either(
            "Protocol",
            lambda: int(self._snapshot().protocol().minReaderVersion()),
            lambda: int(self._detail("minReaderVersion")),
        )

    def has_property(self, name: str) -> bool:
        return either(
            "Metadata.configuration",
            lambda: bool(self._snapshot().metadata().configuration().contains(name)),
            lambda: name in self._detail("properties"),
        )

    def is_empty(self) -> bool:
        """Whether the table is as it was created, without a file. The checksum beside its first commit tells; counting
        the files would take a job.
        """

        def by_checksum() -> bool:
            snapshot = self._snapshot()
            checksum = snapshot.checksumOpt()
            return bool(snapshot.version() == 0 and checksum.isDefined() and checksum.get().numFiles() == 0)

        return either(
            "VersionChecksum", by_checksum, lambda: self._newest_version() == 0 and int(self._detail("numFiles")) == 0
        )

    def has(self, transaction: str) -> bool:
        """Whether the log has a commit of the transaction. It is looked up once, when this object is first asked."""
        return either(
            "SetTransaction",
            lambda: bool(self._transactions.contains(transaction)),
            lambda: transaction in self._listed_transactions,
        )

    def commit(self, version: int) -> Commit:
        """The commit of a version, read from its file, which must have metrics."""

        def by_its_file() -> Commit:
            delta, found = self._delta, self._delta_log()
            file = delta.util.FileNames.unsafeDeltaFile(found.logPath(), version)
            info = delta.DeltaHistoryManager.getCommitInfoOpt(found.store(), file, found.newDeltaHadoopConf()).get()
            who, figures = info.userMetadata(), info.operationMetrics()
            return Commit(
                who.get() if who.isDefined() else None, _as_dict(figures.get()) if figures.isDefined() else {}
            )

        return either("DeltaHistoryManager", by_its_file, lambda: self._listed_commit(version))

    @property
    def _delta(self) -> Any:
        jvm: Any = self.spark._jvm
        return jvm.org.apache.spark.sql.delta

    def _delta_log(self) -> Any:
        return self._delta.DeltaLog.forTable(self.spark._jsparkSession, self.uri)

    def _snapshot(self) -> Any:
        """The table's newest state."""
        jvm: Any = self.spark._jvm
        return self._delta_log().update(False, jvm.scala.Option.empty(), jvm.scala.Option.empty())

    @cached_property
    def _transactions(self) -> Any:
        return self._snapshot().transactions()

    def _rows(self) -> DataFrame:
        return self.spark.read.format("delta").load(self.uri)

    def _detail(self, name: str) -> Any:
        [found] = DeltaTable.forPath(self.spark, self.uri).detail().select(name).collect()
        return found[0]

    def _newest_version(self) -> int:
        if not DeltaTable.isDeltaTable(self.spark, self.uri):
            return NO_TABLE
        [found] = DeltaTable.forPath(self.spark, self.uri).history(1).select("version").collect()
        return int(found[0])

    def _listed_commit(self, version: int) -> Commit:
        history = DeltaTable.forPath(self.spark, self.uri).history().where(f"version = {version}")
        [found] = history.select("userMetadata", "operationMetrics").collect()
        return Commit(found[0], found[1] or {})

    @cached_property
    def _listed_transactions(self) -> set[str]:
        """Read from the files of the log, as Delta's protocol describes them: a commit's JSON file has its own
        transactions, and each checkpoint has those of all commits before it.
        """
        schema = "txn STRUCT<appId: STRING>"
        commits = self.spark.read.schema(schema).option("pathGlobFilter", "*.json").json(f"{self.uri}/_delta_log")
        checkpoints = (
            self.spark.read.schema(schema)
            .option("pathGlobFilter", "*.checkpoint*.parquet")
            .parquet(f"{self.uri}/_delta_log")
        )
        return {
            row[0]
            for row in commits.unionByName(checkpoints)
            .select("txn.appId")
            .where("appId IS NOT NULL")
            .distinct()
            .collect()
        }


def _as_dict(figures: Any) -> dict[str, str]:
    """A Scala map of texts."""
    found, entries = {}, figures.iterator()
    while entries.hasNext():
        entry = entries.next()
        found[str(entry._1())] = str(entry._2())
    return found
