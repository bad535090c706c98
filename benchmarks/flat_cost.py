"""A batch of 50,000 items (45,000 new, 5,000 corrections of the day before) into tables of 0.5, 5 and 50 million rows:
seconds, bytes read and written.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import duckdb
from deltalake import write_deltalake

from benchmarks.generate import ITEMS, items_csv, parents
from benchmarks.measure import Run, keep, median, run_python

SIZES = (500_000, 5_000_000, 50_000_000)
BATCH = 50_000
DAY = 50_000
TIMES = 3


def main() -> None:
    figures = {}
    with tempfile.TemporaryDirectory() as name:
        for size in SIZES:
            folder = Path(name) / str(size)
            folder.mkdir()
            fill(folder / "template", size)
            products, orders = parents(folder, BATCH)
            shift_orders(orders, size)
            batch = items_csv(folder / "batch.csv", BATCH, first=size - BATCH // 10, corrected_one_in=1)
            runs = []
            for _ in range(TIMES):
                shutil.rmtree(folder / "tables", ignore_errors=True)
                shutil.copytree(folder / "template", folder / "tables")
                run_python(
                    "-m", "benchmarks.engine_load", "embedded", str(folder / "tables"), "products", "1", str(products)
                )
                run_python(
                    "-m", "benchmarks.engine_load", "embedded", str(folder / "tables"), "orders", "1", str(orders)
                )
                runs.append(
                    run_python(
                        "-m",
                        "benchmarks.engine_load",
                        "embedded",
                        str(folder / "tables"),
                        "order_items",
                        "2",
                        str(batch),
                    )
                )
            figures[str(size)] = _figures(runs)
            shutil.rmtree(folder)
    smallest, largest = (figures[str(size)]["load_seconds"] for size in (SIZES[0], SIZES[-1]))
    keep("flat_cost", {"batch_rows": BATCH, "tables": figures, "largest_to_smallest": round(largest / smallest, 2)})


def fill(tables: Path, rows: int) -> None:
    """Writes the table as loads would have left it, with one file per day; directly, because only the next batch is
    measured.
    """
    connection = duckdb.connect()
    connection.execute("SET TimeZone='UTC'")
    step = 100 * DAY
    for first in range(0, rows, step):
        items = ITEMS.format(rows=min(step, rows - first), first=first, correction="")
        typed = (
            "SELECT id::INT AS id, order_id::INT AS order_id, user_id::INT AS user_id, days_since_prior_order::INT AS"
            " days_since_prior_order, product_id::INT AS product_id, add_to_cart_order::INT AS add_to_cart_order,"
            " reordered::INT AS reordered, order_timestamp::TIMESTAMPTZ AS order_timestamp, date, '1' AS batch_id,"
            f" 'first.csv' AS source_file, TIMESTAMPTZ '1970-01-01 00:00:01+00' AS source_modified_at FROM ({items})"
        )
        write_deltalake(
            str(tables / "data" / "order_items"), connection.sql(typed), partition_by=["date"], mode="append"
        )


def shift_orders(orders: Path, size: int) -> None:
    """Shifts the orders' keys, so that they are the parents of the batch's items, not of the table's first items."""
    connection = duckdb.connect()
    shift = (size - BATCH // 10) // 6
    connection.execute(f"CREATE TABLE o AS SELECT * REPLACE (order_id + {shift} AS order_id) FROM read_csv('{orders}')")
    connection.execute(f"COPY o TO '{orders}' (HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S')")


def _figures(runs: list[Run]) -> dict[str, float]:
    return {
        "process_seconds": median([run.seconds for run in runs]),
        "load_seconds": median([run.printed["seconds"] for run in runs]),
        "read_mb": median([run.printed["read_mb"] for run in runs]),
        "written_mb": median([run.printed["written_mb"] for run in runs]),
        "peak_mb": median([run.printed["peak_mb"] for run in runs]),
        "rejected": runs[-1].printed["counts"]["rejected"],
        "updated": runs[-1].printed["counts"]["updated"],
        "inserted": runs[-1].printed["counts"]["inserted"],
    }


if __name__ == "__main__":
    main()
