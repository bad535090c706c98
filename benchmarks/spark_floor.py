"""Spark's floor: only the same bytes in the same session. `python -m benchmarks.spark_floor TABLE CSV`.

Typed read, deduplication by a window, partitioned Delta write; or, into an existing table, MERGE of the whole batch. No
validation, no parents, no rejects.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from delta.tables import DeltaTable
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812 - the name that Spark's own documentation gives it

from benchmarks.local_spark import LocalSpark

SCHEMA = """
id int, order_id int, user_id int, days_since_prior_order int, product_id int, add_to_cart_order int, reordered int, order_timestamp timestamp, date string
"""


def work(spark: SparkSession, table: str, csv: Path) -> None:
    rows = spark.read.csv(str(csv), header=True, schema=SCHEMA)
    place = F.row_number().over(Window.partitionBy("id").orderBy(F.col("order_timestamp").desc()))
    write(spark, table, rows.withColumn("place", place).where("place = 1").drop("place"))


def write(spark: SparkSession, table: str, rows: Any) -> None:
    """Creates the table with the first rows, and merges later ones."""
    if not DeltaTable.isDeltaTable(spark, table):
        rows.write.format("delta").partitionBy("date").save(table)
        return
    merger = DeltaTable.forPath(spark, table).alias("t").merge(rows.alias("s"), "t.id = s.id")
    merger.whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()


def main(table: str, csv: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        local = LocalSpark(Path(scratch))
        clock = time.perf_counter()
        work(local.spark, table, csv)
        return {"seconds": round(time.perf_counter() - clock, 2), "start_seconds": local.start_seconds, **local.used()}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
