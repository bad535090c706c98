"""A real month (1,000 products, 7,500 orders, 40,803 items in two workbooks and a CSV) by `lakehouse load` in a fresh home, next to one plain script.

The script is the floor: convert, read, cast, dedupe, write, with the same libraries; no S3, no validation, no ledger, no Dagster.
Skipped where the data is absent.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
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
    steps = loads[-1].printed.get("seconds", {})
    keep("april", {"load_seconds": median([r.seconds for r in loads]), "floor_seconds": median([r.seconds for r in floors]), "steps": steps})


def floor() -> dict[str, int]:
    import duckdb
    from deltalake import write_deltalake
    from python_calamine import CalamineWorkbook

    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect()
        connection.execute("SET TimeZone='UTC'")
        for dataset, key, partition in (("orders", "order_id", "date"), ("order_items", "id", "date"), ("products", "product_id", "department_id")):
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
            connection.execute(f"CREATE TABLE {dataset} AS SELECT * FROM read_csv('{target}') QUALIFY row_number() OVER (PARTITION BY {key}) = 1")
            rows[dataset] = connection.execute(f"SELECT count(*) FROM {dataset}").fetchall()[0][0]
            write_deltalake(f"{folder}/{dataset}", connection.sql(f"SELECT * FROM {dataset}"), partition_by=[partition])
    return rows


if __name__ == "__main__":
    print(json.dumps(floor())) if "floor" in sys.argv else main()
