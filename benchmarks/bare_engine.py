"""The embedded engine's floor: only the same libraries on the same bytes. `python -m benchmarks.bare_engine TABLE CSV
[merge]`.

Typed read, deduplication by a window, partitioned Delta write; or, with `merge`, MERGE of the rows that differ into an
existing table. No validation, no parents, no rejects.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from deltalake import DeltaTable, QueryBuilder, write_deltalake

from benchmarks.measure import peak_mb

TYPES = {"order_timestamp": "TIMESTAMPTZ", "date": "VARCHAR"}


def main(table: str, csv: Path, *, merge: bool) -> dict[str, float]:
    clock = time.perf_counter()
    header = csv.open().readline().strip().split(",")
    columns = ", ".join(f"'{name}': '{TYPES.get(name, 'INTEGER')}'" for name in header)
    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect(f"{folder}/scratch.duckdb")
        connection.execute("SET memory_limit='1024MB'; SET TimeZone='UTC'")
        connection.execute(f"CREATE TABLE rows AS SELECT * FROM read_csv('{csv}', header=true, columns={{{columns}}})")
        connection.execute(
            "CREATE TABLE latest AS SELECT * EXCLUDE (place) FROM (SELECT *, row_number() OVER (PARTITION BY id ORDER"
            " BY order_timestamp DESC) AS place FROM rows) WHERE place = 1"
        )
        if not merge:
            write_deltalake(table, connection.sql("SELECT * FROM latest"), partition_by=["date"], mode="append")
        else:
            there = DeltaTable(table)
            current = QueryBuilder().register("t", there).execute("SELECT * FROM t")  # noqa: F841 - DuckDB reads it by name
            connection.execute("CREATE TABLE present AS SELECT * FROM current")
            changed = connection.sql("SELECT * FROM latest EXCEPT SELECT * FROM present")
            there.merge(
                changed, "t.id = s.id", source_alias="s", target_alias="t"
            ).when_matched_update_all().when_not_matched_insert_all().execute()
        connection.close()
    return {"seconds": round(time.perf_counter() - clock, 2), "peak_mb": peak_mb()}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), merge=len(sys.argv) > 3)))
