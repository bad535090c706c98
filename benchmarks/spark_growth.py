"""The batch of `flat_cost` by Spark, in one warm session: 50,000 items into tables of 0.5, 5 and 50 million rows;
seconds, and what each step read.

`python -m benchmarks.spark_growth [SIZE ...]`. The sizes take turns. The first turn, in which the JVM compiles, is
discarded. The last turn is not timed: it is for `Scans`, which slows down a load.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.engine_load import load
from benchmarks.flat_cost import BATCH, DAY, SIZES, fill, shift_orders
from benchmarks.generate import items_csv, parents
from benchmarks.local_spark import LocalSpark
from benchmarks.measure import keep, median, run_python
from benchmarks.spark_scans import Scans
from lakehouse_assets.etl.engines.spark import SparkEngine

TIMES = 3
CORRECTED = BATCH // 10


def main(*asked: int) -> None:
    sizes = asked or SIZES
    with tempfile.TemporaryDirectory() as name:
        for size in sizes:
            _prepare(Path(name) / str(size), size)
        figures = run_python("-m", "benchmarks.spark_growth", "measure", name, *map(str, sizes)).printed
    smallest, largest = (figures[str(size)]["load_seconds"] for size in (sizes[0], sizes[-1]))
    keep("spark_growth", {"batch_rows": BATCH, "tables": figures, "largest_to_smallest": round(largest / smallest, 2)})


def _prepare(folder: Path, size: int) -> None:
    folder.mkdir()
    fill(folder / "template", size)
    products, orders = parents(folder, BATCH)
    shift_orders(orders, size)
    for dataset, csv in (("products", products), ("orders", orders)):
        run_python("-m", "benchmarks.engine_load", "embedded", str(folder / "template"), dataset, "1", str(csv))
    items_csv(folder / "batch.csv", BATCH, first=size - CORRECTED, corrected_one_in=1)


def measure(name: str, *sizes: int) -> dict[str, Any]:
    folders = {size: Path(name) / str(size) for size in sizes}
    with tempfile.TemporaryDirectory() as scratch:
        local = LocalSpark(Path(scratch))
        engine = SparkEngine(lambda: local.spark, reads_from_bucket=False)
        runs: dict[int, list[dict[str, Any]]] = {size: [] for size in sizes}
        for _ in range(1 + TIMES):
            for size, folder in folders.items():
                runs[size].append(
                    load(engine, _copy(folder), "order_items", "2", folder / "batch.csv", count=local.io_bytes)
                )
        figures = {}
        for size, folder in folders.items():
            table = _copy(folder)
            candidates = _candidates(local, table, size)
            scans = Scans(local)
            load(engine, table, "order_items", "2", folder / "batch.csv", after_step=scans)
            figures[str(size)] = _figures(runs[size][1:]) | {
                "files_of_the_corrected_rows": candidates,
                "read_by_step": scans.by_step,
            }
        return figures


def _copy(folder: Path) -> Path:
    """A fresh copy of the table. Its log is copied; its data files, which are never changed, are hard links."""
    copy = folder / "tables"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(
        folder / "template",
        copy,
        copy_function=lambda source, target: (shutil.copy2 if "_delta_log" in source else os.link)(source, target),
    )
    return copy


def _candidates(local: LocalSpark, tables: Path, size: int) -> dict[str, int]:
    """The number of files that each mechanism leaves to read for the rows that the batch corrects."""
    rows = local.spark.read.format("delta").load(str(tables / "data" / "order_items"))
    first, last = size - CORRECTED, size - 1
    keys = f"id BETWEEN {first} AND {last}"
    days = (
        f"date BETWEEN date_format(date_add('2020-01-01', {first // DAY}), 'yyyy-MM-dd') AND"
        f" date_format(date_add('2020-01-01', {last // DAY}), 'yyyy-MM-dd')"
    )
    by_mechanism = {
        "none": "true",
        "key range on file statistics": keys,
        "partitions": days,
        "both": f"{keys} AND {days}",
    }
    return {mechanism: len(rows.where(condition).inputFiles()) for mechanism, condition in by_mechanism.items()}


def _figures(runs: list[dict[str, Any]]) -> dict[str, Any]:
    steps = {name: median([run["steps"][name] for run in runs]) for name in runs[0]["steps"]}
    totals = {
        f"load_{name}" if name == "seconds" else name: median([run[name] for run in runs])
        for name in ("seconds", "read_mb", "written_mb")
    }
    return {**totals, "steps": steps, "counts": runs[-1]["counts"]}


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(sys.argv[2], *map(int, sys.argv[3:]))))
    else:
        main(*map(int, sys.argv[1:]))
