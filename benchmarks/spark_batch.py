"""5 million order items by Spark: the first load, and a second batch that corrects a tenth and repeats the rest; next
to Spark's floor and to the usual way.

`python -m benchmarks.spark_batch [ROWS]`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.generate import items_csv, parents
from benchmarks.measure import Run, keep, median, run_python

ROWS = 5_000_000
TIMES = 3
WAYS = ("ours", "floor", "usual")


def main(rows: int = ROWS) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tables = folder / "tables"
        csvs = {
            "first": items_csv(folder / "first.csv", rows),
            "second": items_csv(folder / "second.csv", rows, corrected_one_in=10),
        }
        for dataset, csv in zip(("products", "orders"), parents(folder, rows), strict=True):
            run_python("-m", "benchmarks.engine_load", "embedded", str(tables), dataset, "1", str(csv))
        runs: dict[str, dict[str, list[Run]]] = {label: {way: [] for way in WAYS} for label in csvs}
        for _ in range(TIMES):
            for leftover in (
                tables / "data" / "order_items",
                tables / "rejected" / "order_items",
                folder / "floor",
                folder / "usual",
            ):
                shutil.rmtree(leftover, ignore_errors=True)
            for batch, (label, csv) in enumerate(csvs.items(), start=2):
                commands = {
                    "ours": ("benchmarks.engine_load", "spark", str(tables), "order_items", str(batch), str(csv)),
                    "floor": ("benchmarks.spark_floor", str(folder / "floor"), str(csv)),
                    "usual": ("benchmarks.spark_usual", str(tables), str(folder / "usual"), str(csv)),
                }
                for way, command in commands.items():
                    runs[label][way].append(run_python("-m", *command))
        figures = {label: _figures(by_way) for label, by_way in runs.items()}
        keep("spark_batch", {"rows": rows, "csv_mb": round(csvs["first"].stat().st_size / 1e6, 1), **figures})


def _figures(runs: dict[str, list[Run]]) -> dict[str, Any]:
    """Medians, and their ratios with and without the start of process and session: ours to the floor, the usual way to
    ours.
    """
    printed = {way: [run.printed["seconds"] for run in runs[way]] for way in WAYS}
    cpu = {way: [run.printed["cpu_seconds"] for run in runs[way]] for way in WAYS}
    process = {way: [run.seconds for run in runs[way]] for way in WAYS}
    ways = {
        way: {
            "seconds": median(printed[way]),
            "process_seconds": median(process[way]),
            **{
                name: median([run.printed[name] for run in runs[way]])
                for name in ("start_seconds", "peak_mb", "own_peak_mb", "cpu_seconds")
            },
        }
        for way in WAYS
    }
    return {
        **ways,
        "to_floor": _ratio(printed["ours"], printed["floor"]),
        "to_floor_with_start": _ratio(process["ours"], process["floor"]),
        "to_floor_by_cpu": _ratio(cpu["ours"], cpu["floor"]),
        "usual_to_ours": _ratio(printed["usual"], printed["ours"]),
        "usual_to_ours_with_start": _ratio(process["usual"], process["ours"]),
        "usual_to_ours_by_cpu": _ratio(cpu["usual"], cpu["ours"]),
        "steps": runs["ours"][-1].printed["steps"],
        "counts": runs["ours"][-1].printed["counts"],
    }


def _ratio(some: list[float], others: list[float]) -> float:
    return median([one / other for one, other in zip(some, others, strict=True)])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
