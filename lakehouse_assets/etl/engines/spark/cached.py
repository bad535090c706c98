"""Rows that are kept between the steps of a load, in memory and on disk where memory ends."""

from __future__ import annotations

import sys
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from lakehouse_assets.etl.engines.spark.private import either


class Kept:
    """What one load keeps, until it forgets it."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark
        self._relations: list[Any] = []

    def keep(self, rows: DataFrame) -> DataFrame:
        """The rows, kept from when they are first looked at, as a relation without a past: the plan that made them is
        not analysed again with each query on them, which took most of a small batch's time. (Spark's checkpoints do the
        same, but cannot be made anew when a worker is lost.)

        What `persist` keeps Spark throws away with each write to a table that it was read from, and plans it anew: the
        verdicts with the MERGE, when orphans are still to be settled by them. This is what `persist` makes, without
        being in its list.
        """
        # The public way begins at once, and keeps its rows until Python forgets them: it has no past, either.
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
        """Frees it all."""
        for relation in self._relations:
            relation.cacheBuilder().clearCache(True)


def rows_of(spark: SparkSession, plan: Any) -> DataFrame:
    """The rows of a plan of the JVM as it is: what led to it is not done again for each query on them."""
    jvm: Any = spark._jvm
    return DataFrame(jvm.org.apache.spark.sql.classic.Dataset.ofRows(spark._jsparkSession, plan), spark)


def optimized(spark: SparkSession, rows: DataFrame) -> DataFrame:
    """The same rows, of a plan that is not optimized again for each query on them."""
    return either("Dataset.ofRows", lambda: rows_of(spark, rows._jdf.queryExecution().optimizedPlan()), lambda: rows)


def bytes_kept(kept: DataFrame) -> int:
    """The size of rows that `keep` gave and that have been looked at since. Where Spark does not tell it, more than
    anything.
    """

    def told() -> int:
        relation: Any = kept._jdf.queryExecution().analyzed()
        return int(relation.cacheBuilder().sizeInBytesStats().value())

    return either("CachedRDDBuilder", told, lambda: sys.maxsize)
