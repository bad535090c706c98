"""The fault model's line "1 GB file; 10,000 small files; 0-byte among them", in a size that a test suite can afford: 60
MB, and 200 files.

The engine's memory is set to its least, 128 MiB; the rest of the process (delta-rs, boto3) comes on top of it.
benchmarks/ measures real sizes.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.parallel import in_parallel
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.support import (
    ORDERS,
    archived,
    in_own_process,
    keys,
    nonzero,
    product,
    products_csv,
    put,
    ran,
    table_rows,
)

FILES = 200
ROWS = 1_200_000
MOST_MEMORY = 700 << 20
"""Measured: 0.45 to 0.55 GB, Dagster included."""


@pytest.fixture
def settings(lakehouse_home: Path) -> Settings:
    return own_settings(lakehouse_home, memory_mb=128)


def test_many_small_files_with_empty_ones_among_them_are_loaded_as_one_batch(lakehouse: Lakehouse) -> None:
    def content(number: int) -> bytes:
        return products_csv(product(number)).encode() if number % 10 else b""

    in_parallel(lambda number: put(lakehouse, f"raw/products/{number:05}.csv", content(number)), range(FILES))
    report = ran(lakehouse)
    assert Counter(file["outcome"] for file in report["files"]) == {"loaded": FILES * 9 // 10, "empty": FILES // 10}
    assert nonzero(report["datasets"]["products"]) == {"read": FILES * 9 // 10, "inserted": FILES * 9 // 10}
    assert table_rows(lakehouse, "products", "product_id") == [(number,) for number in range(FILES) if number % 10]
    assert keys(lakehouse, "raw/") == []
    assert archived(lakehouse) == {f"raw/products/{number:05}.csv": content(number) for number in range(FILES)}


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="a process's own peak of memory is read from Linux's /proc"
)
def test_a_large_file_is_loaded_in_bounded_memory(lakehouse: Lakehouse, tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    with large.open("w") as out:
        out.write(",".join(ORDERS) + "\n")
        out.writelines(
            f"{n % 100},{n},{n % 5000},2025-04-{1 + n % 28:02}T11:27:00,{n % 900}.25,2025-04-{1 + n % 28:02}\n"
            for n in range(ROWS)
        )
    assert large.stat().st_size > 60_000_000
    lakehouse.zone.store.upload(large, "raw/orders/large.csv")
    ended = in_own_process(
        lakehouse,
        """
        import json
        counts = ran(lakehouse)["datasets"]["orders"]
        own_peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])  # a getrusage would count what the parent held at fork
        print(json.dumps({"counts": nonzero(counts), "memory": own_peak * 1024}))
        """,
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert told["counts"] == {"read": ROWS, "inserted": ROWS}
    assert told["memory"] < MOST_MEMORY
