"""How a command ends if it cannot continue: on a full disk, and at once if the embedded AWS dies. The reason is
reported first.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lakehouse_assets.cli.exit_codes import ExitCode
from lakehouse_assets.cli.terminal.errors import print_error
from lakehouse_assets.errors import LakehouseError

FULL = re.compile(
    r"no space left on device|database or disk is full|disk quota exceeded|max_temp_directory_size", re.IGNORECASE
)
"""How the system, SQLite (Dagster's), a quota and DuckDB (which leaves some of the disk to others) report a full disk.
boto3, delta-rs and Dagster pass on the text alone."""
TIMES_THE_FILES = 3
"""The disk space of a batch as a multiple of its files: the upload, its archived copy, the tables."""
ROOM_TO_WORK = 500 << 20
SECONDS_FOR_A_CALLBACK = 1.0
_callbacks: list[Callable[[str], None]] = []
_exiting = threading.Lock()


class FullDisk(LakehouseError):
    """The disk of the home is full. A retry does not help until someone frees space."""


@contextmanager
def full_disk_named(home: Path, files: int = 0) -> Iterator[None]:
    """Raises FullDisk instead of any error that a full disk caused. `files`: the size of the command's files in bytes,
    if it is known."""
    try:
        yield
    except FullDisk:
        raise
    except Exception as error:
        if any(_is_full(cause) for cause in _causes(error)):
            raise FullDisk(room_wanted(home, files)) from error
        raise


def is_full_disk(text: str) -> bool:
    """Whether an error's text reports a full disk."""
    return FULL.search(text) is not None


def room_wanted(home: Path, files: int = 0) -> str:
    """The message about a full disk: how much is free, how much is missing, and what to do."""
    folder = min((existing(home), Path(tempfile.gettempdir())), key=lambda each: shutil.disk_usage(each).free)
    disk, wanted = shutil.disk_usage(folder), max(ROOM_TO_WORK, TIMES_THE_FILES * files)
    missing = f"{_mib(wanted - disk.free)} more are needed" if wanted > disk.free else "this batch needs more"
    return (
        f"The disk is full: {_mib(disk.free)} of {_mib(disk.total)} are free for {folder}, and {missing} (a batch needs"
        f" about {TIMES_THE_FILES} times the size of its files, and at least {_mib(ROOM_TO_WORK)}). Nothing is lost."
        " Free some space, then run the same command again; it resumes from here."
    )


def existing(folder: Path) -> Path:
    """The folder, or its nearest parent that exists."""
    return next(parent for parent in (folder, *folder.parents) if parent.is_dir())


@contextmanager
def on_forced_exit(callback: Callable[[str], None]) -> Iterator[None]:
    """Calls `callback` with the reason if `exit_now` ends the process meanwhile. It is called in another thread, and
    has SECONDS_FOR_A_CALLBACK."""
    _callbacks.append(callback)
    try:
        yield
    finally:
        _callbacks.remove(callback)


def exit_now(reason: str) -> None:
    """Prints the reason and ends this process, whatever its other threads wait for: boto3, delta-rs and Athena's client
    would retry for minutes. If several threads call this, the first one ends the process."""
    if not _exiting.acquire(blocking=False):
        return
    if sys.stderr.isatty():
        # A progress display hides the cursor.
        sys.stderr.write("\x1b[?25h\n")
    print_error(reason)
    for callback in reversed(_callbacks):
        thread = threading.Thread(target=callback, args=(reason,), name="forced-exit", daemon=True)
        thread.start()
        thread.join(SECONDS_FOR_A_CALLBACK)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ExitCode.FAILED)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _is_full(error: BaseException) -> bool:
    return (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)) or is_full_disk(str(error))


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
