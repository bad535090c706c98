"""The standard output and the standard error, as consoles for users and as streams for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

from rich.console import Console


def stdout() -> Console:
    """A rich console on standard output that changes no text: no highlighting, markup or emoji."""
    return Console(highlight=False, markup=False, emoji=False)


def stderr() -> Console:
    """The same on the standard error."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


@contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """Sends whatever a library prints to the standard error: the standard output is for the one object of --json."""
    with redirect_stdout(sys.stderr):
        yield


def writes_utf8(file: TextIO) -> bool:
    """Whether a stream can write any character."""
    return (getattr(file, "encoding", None) or "").lower().replace("-", "") == "utf8"
