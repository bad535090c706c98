"""Looks up parent keys in a parent's table."""

from __future__ import annotations

from pyspark.sql import SparkSession

from lakehouse_assets.contracts import Parent
from lakehouse_assets.etl.engines.base import Tables
from lakehouse_assets.etl.engines.ranges import Range, within
from lakehouse_assets.etl.engines.spark.delta import Table
from lakehouse_assets.quoting import spark_literal


def find_parent_keys(
    spark: SparkSession,
    tables: Tables,
    parent: Parent,
    relation: str,
    ranges: list[Range],
    into: str,
    condition: str = "",
) -> str:
    """Creates the view `into` (parent_key) of the keys in the ranges that exist in the parent's table, and returns its
    name. `relation`: the rows that refer to the parent. `condition`: a further condition on the parent's rows, which
    begins with AND.
    """
    table = Table(spark, tables.table(parent.dataset))
    if ranges and table.exists:
        found = table.rows(within(f"`{parent.key}`", ranges, spark_literal) + condition).selectExpr(
            f"`{parent.key}` AS parent_key"
        )
    else:
        found = spark.sql(f"SELECT `{parent.column}` AS parent_key FROM {relation} WHERE FALSE")
    found.createOrReplaceTempView(into)
    return into
