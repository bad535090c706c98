"""One dataset's load by the embedded engine, on local Delta tables, as a process of its own: `python -m benchmarks.engine_load TABLES DATASET BATCH CSV`."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import io_bytes, peak_mb
from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.etl.engines.base import RawFile, Tables
from lakehouse_assets.etl.engines.embedded import EmbeddedEngine


def load(tables: Path, dataset: str, batch_id: str, csv: Path) -> dict[str, object]:
    """Every step of the load. Returns seconds by step, bytes read and written, and the counts."""
    header = tuple(csv.open().readline().strip().split(","))
    file = RawFile(batch_id, csv.name, datetime.fromtimestamp(int(batch_id), UTC), csv, header, content=batch_id)
    seconds: dict[str, float] = {}
    before, clock = io_bytes(), time.perf_counter()
    contract = read_contracts()[dataset]
    engine = EmbeddedEngine(Path(tempfile.gettempdir()))
    with engine.dataset_load(contract, Tables(str(tables / "data"), str(tables / "rejected")), batch_id) as dataset_load:
        for name, step in (
            ("read and judge", lambda: dataset_load.read([file])),
            ("retry orphans", dataset_load.retry_orphans),
            ("decide", dataset_load.decide),
            ("rejects", dataset_load.write_rejects),
            ("merge", dataset_load.merge),
        ):
            start = time.perf_counter()
            step()
            seconds[name] = round(time.perf_counter() - start, 2)
        counts = dataset_load.counts.__dict__
    total = time.perf_counter() - clock
    read, written = (after - earlier for after, earlier in zip(io_bytes(), before, strict=True))
    return {"seconds": round(total, 2), "steps": seconds, "read_mb": read >> 20, "written_mb": written >> 20, "peak_mb": peak_mb(), "counts": counts}


if __name__ == "__main__":
    print(json.dumps(load(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))))
