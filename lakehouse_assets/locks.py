"""Lock files. The kernel releases a lock when its holder's process ends, even if it is killed."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

EXCLUSIVE, SHARED = fcntl.LOCK_EX, fcntl.LOCK_SH


def load_lock(home: Path) -> Path:
    """The lock file of `lakehouse load` and `lakehouse maintain` of a home."""
    return home / "load.lock"


@contextmanager
def locked(path: Path, mode: int = EXCLUSIVE, waiting: Callable[[], None] | None = None) -> Iterator[IO[bytes]]:
    """Holds a lock file, EXCLUSIVE or SHARED, and creates the file if necessary. Waits for other holders.

    `waiting`: called once before the wait, if another process holds the lock.
    """
    with path.open("ab") as file:
        if waiting is not None and not can_lock(file, mode):
            waiting()
        fcntl.flock(file, mode)
        try:
            yield file
        finally:
            # Not released by close(): a process that was forked meanwhile has a copy of the file, and would keep the
            # lock.
            fcntl.flock(file, fcntl.LOCK_UN)


def take_if_free(file: IO[Any]) -> bool:
    """Takes the lock exclusively if it is free; returns whether it was. The lock is released when the file is closed or
    the process ends.
    """
    try:
        fcntl.flock(file, EXCLUSIVE | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Whether a process holds the lock exclusively. Does not create the file."""
    try:
        with path.open("rb") as file:
            return not can_lock(file, SHARED)
    except FileNotFoundError:
        return False


def is_shared(path: Path) -> bool:
    """Whether processes hold the lock shared: it is neither free nor held exclusively."""
    with path.open("rb") as file:
        return not can_lock(file, EXCLUSIVE) and can_lock(file, SHARED)


def can_lock(file: IO[bytes], mode: int) -> bool:
    """Whether the lock is available in this mode. It is not held afterwards."""
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True
