"""5 million order items (about 300 MB of CSV): the first load, and a second batch that corrects a tenth and repeats the
rest, next to the bare engine.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from benchmarks.generate import items_csv, parents
from benchmarks.measure import Run, keep, median, run_python

ROWS = 5_000_000
TIMES = 3


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, second = (
            items_csv(folder / "first.csv", ROWS),
            items_csv(folder / "second.csv", ROWS, corrected_one_in=10),
        )
        products, orders = parents(folder, ROWS)
        loads: dict[str, list[tuple[Run, Run]]] = {"first": [], "second": []}
        for _ in range(TIMES):
            tables, bare = folder / "tables", folder / "bare"
            for path in (tables, bare):
                shutil.rmtree(path, ignore_errors=True)
            run_python("-m", "benchmarks.engine_load", "embedded", str(tables), "products", "1", str(products))
            run_python("-m", "benchmarks.engine_load", "embedded", str(tables), "orders", "1", str(orders))
            for label, batch, csv, merge in (("first", "2", first, ()), ("second", "3", second, ("merge",))):
                ours = run_python(
                    "-m", "benchmarks.engine_load", "embedded", str(tables), "order_items", batch, str(csv)
                )
                loads[label].append((ours, run_python("-m", "benchmarks.bare_engine", str(bare), str(csv), *merge)))
        keep(
            "big_batch",
            {
                "rows": ROWS,
                "csv_mb": first.stat().st_size >> 20,
                **{label: _figures(runs) for label, runs in loads.items()},
            },
        )


def _figures(runs: list[tuple[Run, Run]]) -> dict[str, object]:
    return {
        "seconds": median([ours.seconds for ours, _ in runs]),
        "bare_seconds": median([bare.seconds for _, bare in runs]),
        "ratio": median([ours.seconds / bare.seconds for ours, bare in runs]),
        "peak_mb": median([ours.printed["peak_mb"] for ours, _ in runs]),
        "bare_peak_mb": median([bare.printed["peak_mb"] for _, bare in runs]),
        "steps": runs[-1][0].printed["steps"],
        "counts": runs[-1][0].printed["counts"],
    }


if __name__ == "__main__":
    main()
