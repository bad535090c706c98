"""Loads one dataset into local Delta tables, in a process of its own: `python -m benchmarks.engine_load embedded|spark
TABLES DATASET BATCH CSV`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measure import io_bytes, peak_mb
from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.etl.engines.base import Engine, LoadResult, RawFile, Tables
from lakehouse_assets.etl.engines.embedded import EmbeddedEngine
from lakehouse_assets.landing.csv_files.dialect import Dialect

Bytes = Callable[[], tuple[int, int]]


def load(
    engine: Engine,
    tables: Path,
    dataset: str,
    batch_id: str,
    csv: Path,
    *,
    count: Bytes = io_bytes,
    after_step: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Runs all steps of the load. Returns seconds by step, MiB read and written, and the counts of rows. `count`:
    returns the bytes read and written so far; `after_step`: called with each step's name.
    """
    header = tuple(csv.open().readline().strip().split(","))
    file = RawFile(
        batch_id,
        csv.name,
        datetime.fromtimestamp(int(batch_id), UTC),
        str(csv),
        Dialect(header, quoted=False, multiline=False),
        content=batch_id,
    )
    seconds: dict[str, float] = {}
    before, clock = count(), time.perf_counter()
    contract = read_contracts()[dataset]
    with engine.dataset_load(
        contract, Tables(str(tables / "data"), str(tables / "rejected")), batch_id
    ) as dataset_load:
        after_step("open")
        for name, step in (
            ("read and judge", lambda: dataset_load.read([file])),
            ("retry orphans", dataset_load.retry_orphans),
            ("decide", dataset_load.decide),
            ("rejects", dataset_load.write_rejects),
            ("merge", dataset_load.merge),
            ("settle rejects", dataset_load.settle_rejects),
        ):
            start = time.perf_counter()
            outcome = step()
            seconds[name] = round(time.perf_counter() - start, 2)
            after_step(name)
            if isinstance(outcome, LoadResult):
                counts = outcome.counts.__dict__
    total = time.perf_counter() - clock
    read, written = (after - earlier for after, earlier in zip(count(), before, strict=True))
    return {
        "seconds": round(total, 2),
        "steps": seconds,
        "read_mb": read >> 20,
        "written_mb": written >> 20,
        "counts": counts,
    }


def main(engine: str, tables: Path, dataset: str, batch_id: str, csv: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as scratch:
        if engine == "embedded":
            return load(EmbeddedEngine(Path(scratch)), tables, dataset, batch_id, csv) | {
                "start_seconds": 0.0,
                "peak_mb": peak_mb(),
            }
        from benchmarks.local_spark import LocalSpark
        from lakehouse_assets.etl.engines.spark import SparkEngine

        local = LocalSpark(Path(scratch))
        figures = load(
            SparkEngine(lambda: local.spark, reads_from_bucket=False),
            tables,
            dataset,
            batch_id,
            csv,
            count=local.io_bytes,
        )
        return figures | {"start_seconds": local.start_seconds} | local.used()


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4], Path(sys.argv[5]))))
