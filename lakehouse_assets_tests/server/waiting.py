"""Waiting for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
SECONDS_TO_WAIT = 240.0
"""Far more than anything takes: a run's process alone needs 20 seconds to start on a machine that is busy."""


def until(look: Callable[[], T], awaited: str, seconds: float = SECONDS_TO_WAIT, pause: float = 0.1) -> T:
    """The first answer of `look` that is true. Fails, naming what was awaited, if there is none."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {awaited}"
        time.sleep(pause)
    return found
