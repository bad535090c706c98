"""The findings of `lakehouse doctor`: one line each, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """OK: works. WARNING: works, but may not stay so. ERROR: does not work."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """`what`: what was examined, and its state in words. `to_do`: what the user does about it, if anything."""

    state: State
    what: str
    to_do: str = ""


def ok(what: str, to_do: str = "") -> Finding:
    return Finding(State.OK, what, to_do)


def warning(what: str, to_do: str) -> Finding:
    return Finding(State.WARNING, what, to_do)


def error(what: str, to_do: str) -> Finding:
    return Finding(State.ERROR, what, to_do)
