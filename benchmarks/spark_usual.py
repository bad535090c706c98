"""The usual way to write such a job, in the same session: `python -m benchmarks.spark_usual TABLES TABLE CSV`.

A typed read, a filter and a count for each rule of the contract, dropDuplicates, parents by a join with their whole
table, MERGE of everything.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from benchmarks.local_spark import LocalSpark
from benchmarks.spark_floor import SCHEMA, write

REQUIRED = ("id", "order_id", "user_id", "product_id", "add_to_cart_order", "reordered", "order_timestamp", "date")
RULES = (
    *(f"{column} IS NOT NULL" for column in REQUIRED),
    "id >= 0",
    "user_id >= 0",
    "days_since_prior_order IS NULL OR days_since_prior_order >= 0",
    "add_to_cart_order >= 0",
    "reordered IN (0, 1)",
    "date RLIKE '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'",
    "try_cast(date AS DATE) IS NOT NULL",
)
PARENTS = {"orders": "order_id", "products": "product_id"}


def work(spark: SparkSession, tables: Path, table: str, csv: Path) -> dict[str, int]:
    """Loads the CSV. Returns the number of rows that each rule and each parent rejected."""
    rows = spark.read.csv(str(csv), header=True, schema=SCHEMA)
    rejected: dict[str, int] = {}
    for rule in RULES:
        rejected[rule] = rows.where(f"NOT ({rule})").count()
        rows = rows.where(rule)
    for parent, key in PARENTS.items():
        known = _keys(spark, tables / "data" / parent, key)
        rejected[parent] = rows.join(known, key, "left_anti").count()
        rows = rows.join(known, key, "left_semi")
    write(spark, table, rows.dropDuplicates(["id"]))
    return rejected


def _keys(spark: SparkSession, table: Path, key: str) -> DataFrame:
    return spark.read.format("delta").load(str(table)).select(key)


def main(tables: Path, table: str, csv: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        local = LocalSpark(Path(scratch))
        clock = time.perf_counter()
        rejected = work(local.spark, tables, table, csv)
        seconds = round(time.perf_counter() - clock, 2)
        return {
            "seconds": seconds,
            "start_seconds": local.start_seconds,
            "rejected": sum(rejected.values()),
            **local.used(),
        }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))))
