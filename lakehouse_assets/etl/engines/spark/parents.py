"""Looks up parent keys in a parent's table."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import SparkSession

from lakehouse_assets.contracts import Parent
from lakehouse_assets.etl.engines.base import Tables
from lakehouse_assets.etl.engines.ranges import Range, within_each
from lakehouse_assets.etl.engines.spark.delta import Table
from lakehouse_assets.etl.plan import parent_keys, parent_relation
from lakehouse_assets.quoting import spark_literal


def find_parent_keys(
    spark: SparkSession,
    tables: Tables,
    parent: Parent,
    relation: str,
    ranges: Sequence[list[Range]],
    what: str,
    condition: str = "",
) -> str:
    """Creates the view `<what>_<columns>` of the keys in the ranges that exist in the parent's table, and returns its
    name. `relation`: the rows that refer to the parent. `ranges`: for each column of the parent. `condition`: a further
    condition on the parent's rows, which begins with AND.
    """
    into = parent_relation(what, parent)
    table = Table(spark, tables.table(parent.dataset))
    if all(ranges) and table.exists:
        keys = {f"`{key}`": found for key, found in zip(parent.keys, ranges, strict=True)}
        found = table.rows(within_each(keys, spark_literal) + condition).selectExpr(*_as_keys(parent, parent.keys))
    else:
        found = spark.sql(f"SELECT {', '.join(_as_keys(parent, parent.columns))} FROM {relation} WHERE FALSE")
    found.createOrReplaceTempView(into)
    return into


def _as_keys(parent: Parent, columns: Sequence[str]) -> list[str]:
    return [f"`{column}` AS {key}" for column, key in zip(columns, parent_keys(parent), strict=True)]
