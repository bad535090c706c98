"""Rows that are kept between the steps of a load, in memory and on disk where memory ends."""

from __future__ import annotations

from typing import Any

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from lakehouse_assets.etl.engines.spark.delta import rows_of


class Kept:
    """What one load keeps, until it forgets it."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark
        self._relations: list[Any] = []

    def keep(self, rows: DataFrame) -> DataFrame:
        """The rows, kept from when they are first looked at, as a relation without a past: the plan that made them is not analysed again with each query on
        them, which took most of a small batch's time. (Spark's checkpoints do the same, but cannot be made anew when a worker is lost.)

        What `persist` keeps Spark throws away with each write to a table that it was read from, and plans it anew: the verdicts with the MERGE, when orphans
        are still to be settled by them. This is what `persist` makes, without being in its list.
        """
        jvm: Any = self.spark._jvm
        level = self.spark.sparkContext._getJavaStorageLevel(StorageLevel.MEMORY_AND_DISK)
        relations = getattr(getattr(jvm.org.apache.spark.sql.execution.columnar, "InMemoryRelation$"), "MODULE$")
        relation = relations.apply(level, rows._jdf.queryExecution(), jvm.scala.Option.empty())
        self._relations.append(relation)
        return rows_of(self.spark, relation)

    def forget(self) -> None:
        """Frees it all."""
        for relation in self._relations:
            relation.cacheBuilder().clearCache(True)


def bytes_kept(kept: DataFrame) -> int:
    """The size of rows that `keep` gave and that have been looked at since."""
    relation: Any = kept._jdf.queryExecution().analyzed()
    return int(relation.cacheBuilder().sizeInBytesStats().value())
