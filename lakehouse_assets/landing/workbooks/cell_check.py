"""Checks whether a cell's XML holds one finite number, one text or one plausible date. Of any other cell calamine reads
something else than the file says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time

from lakehouse_assets.landing.workbooks.styles import Shown, not_shown

NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
INDEX = re.compile(r"[0-9]{1,9}")
ERRORS = {"#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"}
"""The error values that calamine knows. It fails on others; Excel has newer ones, such as #SPILL!."""
BOOLEANS = {"0", "1", "true", "false"}
MAY_BE_INLINE = ("inlineStr", "str", "n")
EARLIEST_YEAR = 1900


@dataclass(frozen=True)
class CellContext:
    """The facts about a cell that are in other parts of the workbook."""

    styles: Mapping[int, Shown]
    shared_texts: int
    from_1904: bool


@dataclass(slots=True)
class Cell:
    """One cell's XML. `holders`: its elements v and is; `plain`: there is no markup inside its number; `stray`: text
    outside of these elements.

    `foreign`: it has an element of another kind. `cdata`: it has a CDATA section, which calamine does not read.
    """

    kind: str = "n"
    style: str = ""
    formula: str | None = None
    value: str = ""
    holders: list[str] = field(default_factory=list)
    plain: bool = True
    cdata: bool = False
    foreign: bool = False
    stray: str = ""


def misread(cell: Cell, context: CellContext) -> str | None:
    """The fault of a cell that calamine misreads, worded to follow the cell's name; None if calamine reads it
    correctly.
    """
    if cell.foreign or cell.stray.strip():
        return "more than a value"
    if len(cell.holders) > 1:
        return "more than one value"
    if not cell.holders:
        return None
    if cell.holders == ["is"]:
        return None if cell.kind in MAY_BE_INLINE else "a text where its type is another"
    if cell.cdata or not cell.plain:
        return "a value with markup in it"
    return _misread_value(cell, context) if cell.value else None


def _misread_value(cell: Cell, context: CellContext) -> str | None:
    value = cell.value
    match cell.kind:
        case "n":
            return _misread_number(value, cell.style, context)
        case "s":
            known = INDEX.fullmatch(value) and int(value) < context.shared_texts
            return None if known else "a shared text that the workbook does not have"
        case "b":
            return None if value in BOOLEANS else "not a boolean value"
        case "d":
            return None if _is_iso(value) else f"not a date from {EARLIEST_YEAR} to 9999"
        case "e":
            return None if value in ERRORS else "an unknown error value"
        case "str":
            return None
        case "inlineStr":
            return "a value that is not its text"
        case _:
            return "a type that workbooks do not have"


def _misread_number(value: str, style: str, context: CellContext) -> str | None:
    if not NUMBER.fullmatch(value):
        return "not a finite number"
    shown = context.styles.get(int(style)) if style.isdecimal() else None
    return not_shown(float(value), shown, from_1904=context.from_1904) if shown else None


def _is_iso(value: str) -> bool:
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            return read(value).year >= EARLIEST_YEAR
        except ValueError:
            continue
    try:
        time.fromisoformat(value)
    except ValueError:
        return False
    return True
