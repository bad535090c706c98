"""Spark as `lakehouse` starts it on this machine, with its usage. The JVM is a child of this process, so its memory and
its reads are measured separately.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.measure import cpu_seconds, io_bytes, peak_mb
from lakehouse_assets.local.spark.session import local_session


class LocalSpark:
    """`start_seconds`: the time until the session is ready, with the import of PySpark."""

    def __init__(self, scratch: Path) -> None:
        start = time.perf_counter()
        self.spark = local_session(scratch)
        self.start_seconds = round(time.perf_counter() - start, 2)
        jvm: Any = self.spark._jvm
        self.process = str(jvm.java.lang.ProcessHandle.current().pid())

    def used(self) -> dict[str, float]:
        """`peak_mb` and `cpu_seconds` are the JVM's, with its heap and all other memory, its start and its compiler.
        `own_peak_mb` is this process's.
        """
        return {"peak_mb": peak_mb(self.process), "own_peak_mb": peak_mb(), "cpu_seconds": cpu_seconds(self.process)}

    def io_bytes(self) -> tuple[int, int]:
        """Bytes read and written so far by the JVM and by this process."""
        (read, written), (own_read, own_written) = io_bytes(self.process), io_bytes()
        return read + own_read, written + own_written
