"""Turns values of Python (a batch's files, where their blocks begin) into relations that are literals in Spark's plan.

`createDataFrame` would make a job of Python workers of them, whose size Spark does not know. Spark then sorts and
shuffles the batch's rows to join them with a handful of files, and all rows of one file end up in one task (measured:
half the time of a first load).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lakehouse_assets.quoting import spark_literal

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def listed(spark: SparkSession, rows: Iterable[Sequence[Any]], columns: str) -> DataFrame:
    """Returns a small relation. `rows`: at least one. `columns`: names and types, as in `name string, number int`."""
    named = [column.split() for column in columns.split(", ")]
    values = ", ".join(f"({', '.join(map(_literal, row))})" for row in rows)
    relation = f"VALUES {values} AS listed({', '.join(name for name, _ in named)})"
    typed = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in named)
    return spark.sql(f"SELECT {typed} FROM {relation}")


def _literal(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).upper()
        case datetime():
            return f"timestamp_micros({(value - EPOCH) // timedelta(microseconds=1)})"
    return spark_literal(value)
