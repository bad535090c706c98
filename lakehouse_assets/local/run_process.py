"""The process of a run, which ends with its code server."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import wait
from typing import Any

from dagster._grpc.impl import start_run_in_subprocess

SECONDS_BETWEEN_LOOKS, SECONDS_TO_STOP = 1.0, 10.0


def start_run(*arguments: Any) -> None:
    """Executes a run in this process, as Dagster's function `start_run_in_subprocess` does.

    If the code server dies, or the process that this one was forked from, the run is interrupted, and killed after
    SECONDS_TO_STOP. Dagster takes such a run for dead and starts it again, and would not end this process.
    """
    threading.Thread(target=_end_with_parents, args=[os.getppid()], name="parents", daemon=True).start()
    start_run_in_subprocess(*arguments)  # type: ignore[no-untyped-call]


def _end_with_parents(parent: int) -> None:
    code_server = multiprocessing.parent_process()
    assert code_server is not None
    while not wait([code_server.sentinel], SECONDS_BETWEEN_LOOKS) and os.getppid() == parent:
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_STOP)
    os.kill(os.getpid(), signal.SIGKILL)
