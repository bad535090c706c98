"""Caches rows between the steps of a load, in memory, and on disk if memory runs out."""

from __future__ import annotations

import sys
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from lakehouse_assets.etl.engines.spark.private import either


class Kept:
    """The rows that one load caches, until it calls `forget`."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark
        self._relations: list[Any] = []

    def keep(self, rows: DataFrame) -> DataFrame:
        """Returns the rows as a cached relation without lineage; they are computed when they are first read. The plan
        that made them is not analysed again by each query on them, which took most of a small batch's time. (Spark's
        checkpoints do the same, but cannot be computed again when a worker is lost.)

        `persist` would not do: with each write to a table, Spark drops everything that it cached of that table, and
        plans it anew. The MERGE would drop the verdicts, which are still needed to settle orphans. This method makes
        the same relation as `persist`, without registering it in Spark's list.
        """
        # The public way computes the rows at once, and keeps them until Python drops its reference. It has no lineage,
        # either.
        return either("InMemoryRelation", lambda: self._kept(rows), lambda: rows.localCheckpoint(eager=True))

    def _kept(self, rows: DataFrame) -> DataFrame:
        jvm: Any = self.spark._jvm
        level = self.spark.sparkContext._getJavaStorageLevel(StorageLevel.MEMORY_AND_DISK)
        relations = getattr(getattr(jvm.org.apache.spark.sql.execution.columnar, "InMemoryRelation$"), "MODULE$")
        relation = relations.apply(level, rows._jdf.queryExecution(), jvm.scala.Option.empty())
        kept = rows_of(self.spark, relation)
        self._relations.append(relation)
        return kept

    def forget(self) -> None:
        """Frees all cached rows."""
        for relation in self._relations:
            relation.cacheBuilder().clearCache(True)


def rows_of(spark: SparkSession, plan: Any) -> DataFrame:
    """Returns the rows of a plan of the JVM. The steps that led to this plan are not repeated by each query on them."""
    jvm: Any = spark._jvm
    return DataFrame(jvm.org.apache.spark.sql.classic.Dataset.ofRows(spark._jsparkSession, plan), spark)


def optimized(spark: SparkSession, rows: DataFrame) -> DataFrame:
    """Returns the same rows, with a plan that is not optimized again by each query on them."""
    return either("Dataset.ofRows", lambda: rows_of(spark, rows._jdf.queryExecution().optimizedPlan()), lambda: rows)


def bytes_kept(kept: DataFrame) -> int:
    """Returns the size of rows that `keep` returned and that have been read since; sys.maxsize if Spark does not report
    it.
    """

    def reported() -> int:
        relation: Any = kept._jdf.queryExecution().analyzed()
        return int(relation.cacheBuilder().sizeInBytesStats().value())

    return either("CachedRDDBuilder", reported, lambda: sys.maxsize)
