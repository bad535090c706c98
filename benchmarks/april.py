"""A real month (1,000 products, 7,500 orders, 40,803 items in two workbooks and a CSV) by `lakehouse load` in a fresh
home, next to one plain script.

The script is the floor: convert, read, cast, deduplicate, write, with the same libraries; no S3, no validation, no
ledger, no Dagster. Skipped if the data is absent.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import keep, median, run, run_python

DATA = Path(__file__).parents[2] / "shared" / "data" / "april_2025"
LAKEHOUSE = str(Path(sys.executable).with_name("lakehouse"))
TIMES = 5


def main() -> None:
    if not DATA.exists():
        print(f"The real data is not at {DATA}: the April benchmark is skipped.")
        return
    loads, floors = [], []
    for _ in range(TIMES):
        with tempfile.TemporaryDirectory() as home:
            loads.append(run(LAKEHOUSE, "load", str(DATA), "--json", environment={"LAKEHOUSE_HOME": home}))
        floors.append(run_python("-m", "benchmarks.april", "floor"))
    with tempfile.TemporaryDirectory() as home:
        steps = run(sys.executable, "-m", "benchmarks.april", "timeline", environment={"LAKEHOUSE_HOME": home}).printed
    keep(
        "april",
        {
            "load_seconds": median([r.seconds for r in loads]),
            "floor_seconds": median([r.seconds for r in floors]),
            "steps_of_one_run": steps,
        },
    )


class Timeline:
    """Measures each step's seconds through the callbacks of the progress display."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.began: dict[str, float] = {}

    def __call__(self, name: str, what: str) -> None:
        if what == "started":
            self.began[name] = time.perf_counter()
        else:
            self.seconds[name] = round(time.perf_counter() - self.began[name], 2)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self(name, "started")
        yield
        self(name, "succeeded")

    def note(self, text: str) -> None:
        print(text, file=sys.stderr)


def timeline() -> dict[str, float]:
    """Seconds of one `lakehouse load`, by step. Python's start and the settings (0.4 s) are not included."""
    from lakehouse_assets.cli.commands.load import load_with, started
    from lakehouse_assets.cli.home import read_home
    from lakehouse_assets.landing.local_files import find_files

    settings, steps = read_home(), Timeline()
    incoming, _ = find_files([DATA], settings.home)
    began = time.perf_counter()
    with started(settings, steps) as lakehouse:
        load_with(lakehouse, incoming, steps)
    steps.seconds["all"] = round(time.perf_counter() - began, 2)
    return steps.seconds


def floor() -> dict[str, int]:
    """The plain script. Returns the rows of each dataset."""
    import duckdb
    from deltalake import write_deltalake
    from python_calamine import CalamineWorkbook

    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect()
        connection.execute("SET TimeZone='UTC'")
        for dataset, key, partition in (
            ("orders", "order_id", "date"),
            ("order_items", "id", "date"),
            ("products", "product_id", "department_id"),
        ):
            target = Path(folder) / f"{dataset}.csv"
            if dataset == "products":
                target = DATA / "products.csv"
            else:
                book = CalamineWorkbook.from_path(str(DATA / f"{dataset}_apr_2025.xlsx"))
                with target.open("w", newline="") as out:
                    writer = csv.writer(out)
                    for place, name in enumerate(book.sheet_names):
                        cells = book.get_sheet_by_name(name).to_python()
                        writer.writerows(cells if place == 0 else cells[1:])
            connection.execute(
                f"CREATE TABLE {dataset} AS SELECT * FROM read_csv('{target}') QUALIFY row_number() OVER (PARTITION BY"
                f" {key}) = 1"
            )
            rows[dataset] = connection.execute(f"SELECT count(*) FROM {dataset}").fetchall()[0][0]
            write_deltalake(f"{folder}/{dataset}", connection.sql(f"SELECT * FROM {dataset}"), partition_by=[partition])
    return rows


if __name__ == "__main__":
    modes = {"floor": floor, "timeline": timeline}
    print(json.dumps(modes[sys.argv[1]]())) if len(sys.argv) > 1 else main()
