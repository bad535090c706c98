"""Standard output, as a console for people and as a stream for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

from rich.console import Console


def stdout() -> Console:
    """A rich console on standard output that changes no text: no highlighting, markup or emoji."""
    return Console(highlight=False, markup=False, emoji=False)


@contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """What any library prints meanwhile goes to stderr: stdout is for the one object that the caller asked for."""
    with redirect_stdout(sys.stderr):
        yield


def writes_utf8(file: TextIO) -> bool:
    return (getattr(file, "encoding", None) or "").lower().replace("-", "") == "utf8"
