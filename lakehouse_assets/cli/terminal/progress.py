"""How a batch goes, step by step, while it runs: drawn on stderr in a terminal, silent in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from lakehouse_assets.cli.terminal.spinner import steps_drawn


class Steps(Protocol):
    """A listener to steps: called with a step of the Dagster job and what happens to it (started, succeeded, failed,
    skipped).
    """

    def __call__(self, name: str, what: str) -> None: ...

    def step(self, name: str) -> AbstractContextManager[None]:
        """Something that is no step of the job, from its start to its end."""


class Silent:
    """Says nothing."""

    def __call__(self, name: str, what: str) -> None:
        del name, what

    def step(self, name: str) -> AbstractContextManager[None]:
        del name
        return nullcontext()


@contextmanager
def steps_shown() -> Iterator[Steps]:
    if not sys.stderr.isatty():
        yield Silent()
        return
    with steps_drawn() as steps:
        yield steps
