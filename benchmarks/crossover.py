"""Finds the number of rows from which on Spark is faster than the embedded engine on this machine, by first loads of
order items into an empty table.

`python -m benchmarks.crossover [ROWS ...]`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.generate import items_csv, parents
from benchmarks.measure import Run, keep, median, run_python

SIZES = (10_000, 100_000, 1_000_000, 5_000_000, 10_000_000)
ENGINES = ("embedded", "spark")
TIMES = 3


def main(*sizes: int) -> None:
    figures = {rows: _load(rows) for rows in sizes or SIZES}
    keep(
        "crossover",
        {
            "first_loads": {str(rows): by_engine for rows, by_engine in figures.items()},
            "spark_quicker_from_rows": _quicker_from(figures, "seconds"),
            "spark_quicker_from_rows_with_start": _quicker_from(figures, "process_seconds"),
        },
    )


def _load(rows: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tables, csv = folder / "tables", items_csv(folder / "items.csv", rows)
        for dataset, parent in zip(("products", "orders"), parents(folder, rows), strict=True):
            run_python("-m", "benchmarks.engine_load", "embedded", str(tables), dataset, "1", str(parent))
        runs: dict[str, list[Run]] = {engine: [] for engine in ENGINES}
        for _ in range(TIMES):
            for engine in ENGINES:
                for written in (tables / "data" / "order_items", tables / "rejected" / "order_items"):
                    shutil.rmtree(written, ignore_errors=True)
                runs[engine].append(
                    run_python("-m", "benchmarks.engine_load", engine, str(tables), "order_items", "2", str(csv))
                )
        megabytes = round(csv.stat().st_size / 1e6, 1)
    return {"csv_mb": megabytes, **{engine: _figures(of_engine) for engine, of_engine in runs.items()}}


def _figures(runs: list[Run]) -> dict[str, float]:
    """Medians. `process_seconds` include the start of Python and of Spark's session; `seconds` do not."""
    printed = {name: median([run.printed[name] for run in runs]) for name in ("seconds", "start_seconds", "peak_mb")}
    return {"process_seconds": median([run.seconds for run in runs]), **printed}


def _quicker_from(figures: dict[int, dict[str, Any]], measure: str) -> int | None:
    """The smallest measured number of rows from which on Spark was always faster; None if the embedded engine was
    faster at the largest.
    """
    found = None
    for rows in sorted(figures, reverse=True):
        if figures[rows]["spark"][measure] >= figures[rows]["embedded"][measure]:
            break
        found = rows
    return found


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
