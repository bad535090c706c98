"""How a command ends that cannot go on: on a full disk, and at once where the embedded AWS dies under it. What has to
be said is said first."""

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

from lakehouse_assets.cli.terminal.errors import FAILED, tell
from lakehouse_assets.errors import LakehouseError

FULL = re.compile(
    r"no space left on device|database or disk is full|disk quota exceeded|max_temp_directory_size", re.IGNORECASE
)
"""How the system, SQLite (Dagster's), a quota and DuckDB, which leaves some of the disk to others, say that there is no
room. boto3, delta-rs and Dagster hand on the text alone."""
TIMES_THE_FILES = 3
"""What a batch takes on the disk, of the size of its files: the upload, its archived copy, the tables."""
ROOM_TO_WORK = 500 << 20
SECONDS_FOR_LAST_WORDS = 1.0
_last_words: list[Callable[[str], None]] = []
_ending = threading.Lock()


class FullDisk(LakehouseError):
    """There is no room under the home. A retry does not heal it: someone has to make room."""


@contextmanager
def full_disk_named(home: Path, files: int = 0) -> Iterator[None]:
    """Raises FullDisk instead of whatever a full disk made of itself. `files`: the bytes of the files that the command
    takes, where they are known."""
    try:
        yield
    except FullDisk:
        raise
    except Exception as error:
        if any(_is_full(cause) for cause in _causes(error)):
            raise FullDisk(room_wanted(home, files)) from error
        raise


def is_full_disk(text: str) -> bool:
    """Whether an error's text tells of a full disk."""
    return FULL.search(text) is not None


def room_wanted(home: Path, files: int = 0) -> str:
    """That the disk is full, with how much is free and missing, and what to do."""
    folder = min((existing(home), Path(tempfile.gettempdir())), key=lambda place: shutil.disk_usage(place).free)
    disk, wanted = shutil.disk_usage(folder), max(ROOM_TO_WORK, TIMES_THE_FILES * files)
    missing = (
        f"{_mib(wanted - disk.free)} more are needed" if wanted > disk.free else "that is not enough for this batch"
    )
    return (
        f"The disk is full: of {_mib(disk.total)} for {folder} {_mib(disk.free)} are free, and {missing} (a batch takes"
        f" about {TIMES_THE_FILES} times the size of its files, and at least {_mib(ROOM_TO_WORK)}). Nothing is lost:"
        " make room, then run the same command again, and it goes on from here."
    )


def existing(folder: Path) -> Path:
    """The folder, or the nearest of those that it is in that is there."""
    return next(parent for parent in (folder, *folder.parents) if parent.is_dir())


@contextmanager
def last_words(said: Callable[[str], None]) -> Iterator[None]:
    """What is to be done with the reason where the command ends at once meanwhile. It is called in another thread, and
    has little time."""
    _last_words.append(said)
    try:
        yield
    finally:
        _last_words.remove(said)


def end_at_once(reason: str) -> None:
    """Ends this process with exit code 1, whatever its other threads wait for: boto3, delta-rs and Athena's client
    would go on trying for minutes. Several threads may notice that it has to end: the first one ends it."""
    if not _ending.acquire(blocking=False):
        return
    if sys.stderr.isatty():
        # What is drawn meanwhile hides the cursor.
        sys.stderr.write("\x1b[?25h\n")
    tell(reason)
    for said in reversed(_last_words):
        speaker = threading.Thread(target=said, args=(reason,), name="last-words", daemon=True)
        speaker.start()
        speaker.join(SECONDS_FOR_LAST_WORDS)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(FAILED)


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
