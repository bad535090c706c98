"""The progress of a batch, step by step: drawn on the standard error if that is a terminal, otherwise silent."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from lakehouse_assets.cli.terminal.errors import print_note
from lakehouse_assets.cli.terminal.spinner import steps_drawn


class Steps(Protocol):
    """A listener to steps: called with a step of the Dagster job and its event (started, succeeded, failed,
    skipped).
    """

    def __call__(self, name: str, what: str) -> None: ...

    def step(self, name: str) -> AbstractContextManager[None]:
        """Shows work that is not a step of the job, from its start to its end."""

    def note(self, text: str) -> None:
        """Prints a message on the standard error, above the steps that are drawn."""


class Silent:
    """Shows nothing."""

    def __call__(self, name: str, what: str) -> None:
        del name, what

    def step(self, name: str) -> AbstractContextManager[None]:
        del name
        return nullcontext()

    def note(self, text: str) -> None:
        print_note(text)


@contextmanager
def steps_shown() -> Iterator[Steps]:
    """The listener for this process's standard error."""
    if not sys.stderr.isatty():
        yield Silent()
        return
    with steps_drawn() as steps:
        yield steps
