"""What `lakehouse doctor` finds: one line each, with what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


MARKS = {"fine": ("✓", "green"), "look": ("!", "yellow"), "broken": ("✗", "bold red")}


@dataclass(frozen=True)
class Finding:
    """`state`: fine, look (it works, but) or broken."""

    state: str
    what: str
    to_do: str = ""
