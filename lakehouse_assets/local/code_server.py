"""Dagster's code server for `lakehouse up`: `python -m lakehouse_assets.local.code_server ARGUMENTS…` is `python -m
dagster ARGUMENTS…`, but a run's process is forked from one that has imported Dagster already.

Dagster starts a new Python for each run (`multiprocessing`'s "spawn", 1.13.27), which first imports Dagster, boto3 and
this project: one to two CPU seconds. With "forkserver" that is done once. The process that is forked has no threads,
connections or open files of Dagster. Each run still reads the settings and the contracts itself.

Only on Linux: libraries of macOS must not be used in a process that was forked without exec.
"""

from __future__ import annotations

import logging
import multiprocessing
import runpy
import sys
from collections.abc import Sequence
from multiprocessing import forkserver
from typing import Any

IMPORTED = [
    "lakehouse_assets.local.fork_server",
    "dagster._grpc.impl",
    "dagster._core.storage.sqlite_storage",
    "upath.core",  # for Dagster's storage of values
    "boto3",
    "duckdb",
    "sqlglot.generators.duckdb",
    "lakehouse_assets.assets.tables",
    "lakehouse_assets.checks.athena",
    "lakehouse_assets.schedules",
    "lakehouse_assets.sensors.alerts",
]
"""What a run imports before its tables are written; a module that does not exist is skipped.

Not `lakehouse_assets.definitions`, which reads the settings and the contracts: a run with old contracts would not load
a dataset that was added since. Not deltalake: its import starts a thread, with which a process must not be forked.
"""


def use() -> None:
    """Lets this process start its code servers by this module."""
    from dagster._grpc import server  # noqa: PLC0415 - each entry point patches and imports its own program

    if sys.platform == "linux" and hasattr(server, "get_python_environment_entry_point"):
        server.get_python_environment_entry_point = _entry_point


def _entry_point(python: str) -> Sequence[str]:
    return [python, "-m", "lakehouse_assets.local.code_server"]


def fork_runs() -> None:
    """Lets Dagster's gRPC server in this process fork its runs. Does nothing if this is not Linux, or if another
    version of Dagster starts its runs in another way.
    """
    from dagster._grpc import server  # noqa: PLC0415 - see `use`

    from lakehouse_assets.local import run_process  # noqa: PLC0415 - imports Dagster

    if sys.platform != "linux" or not hasattr(server, "start_run_in_subprocess"):
        return

    class ForkingServer(server.DagsterApiServer):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            if hasattr(self, "_mp_ctx") and self._loaded_repositories:
                self._mp_ctx = _forking() or self._mp_ctx

    server.DagsterApiServer = ForkingServer  # type: ignore[misc]
    server.start_run_in_subprocess = run_process.start_run


def _forking() -> Any:
    """The context that forks from a process that has imported everything; None if that process cannot start."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    try:
        forkserver.ensure_running()
    except OSError as error:  # the name of its socket, in TMPDIR, is too long for example
        logging.getLogger("dagster.code_server").warning(
            f"Each run takes a second longer to start: the process to fork runs from cannot start ({error})."
        )
        return None
    return context


def main() -> None:
    use()
    fork_runs()
    runpy.run_module("dagster", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
