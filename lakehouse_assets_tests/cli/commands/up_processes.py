"""The processes that `lakehouse up` started for a home, found under /proc (Linux)."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from lakehouse_assets.connect import connected
from lakehouse_assets.settings import Settings


def processes_of(home: Path) -> dict[int, str]:
    """The command lines of all processes that have this home in their environment, by process id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"LAKEHOUSE_HOME={home}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has ended meanwhile, or belongs to someone else
            continue
    return found


def kill_all_of(home: Path) -> None:
    """SIGKILL to every process of a home, as a power cut ends them."""
    for process in processes_of(home):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def await_none_of(home: Path) -> dict[int, str]:
    deadline = time.monotonic() + 60
    while (left := processes_of(home)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


def await_batch_under_way(home: Path) -> None:
    with connected(Settings(home=home)) as lakehouse:
        zone, deadline = lakehouse.zone, time.monotonic() + 60
        while not (open_batch := zone.store.exists(zone.open_batch_key)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert open_batch


def parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])


def fork_servers(home: Path) -> set[int]:
    """The processes that runs are forked from."""
    return {
        process
        for process, command in processes_of(home).items()
        if "multiprocessing.forkserver" in command and "lakehouse_assets.local.fork_server" in command
    }
