"""Reads a CSV file's first records from its first bytes, with each possible delimiter. One of them is the header."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lakehouse_assets.landing.csv_files.blanks import BLANK, is_blank
from lakehouse_assets.landing.csv_files.unpacking import UnusableError

DELIMITERS = (",", ";", "\t", "|")
HEAD = 1 << 20
"""The header must end within this many bytes."""
RECORDS = 20
"""The header must be one of this many records that are not blank: reports have a few lines of title above it."""
NOTHING = BLANK + "".join(DELIMITERS)
"""Above a header, a line of delimiters counts as blank, whichever the file's delimiter is."""
SEPARATOR_LINE = re.compile(r'("?)sep=([!#-/:-@\[-^`{-~\t])\1[\r\n]*\Z', re.IGNORECASE)
"""Excel's first line that declares the delimiter (`sep=;`)."""


@dataclass(frozen=True)
class FirstRecord:
    """A record that may be the header, if `delimiter` is the file's. `skipped_lines`: the number of lines before it;
    `above`: for each record in them that is not blank, the number of fields that it fills. `lines`: the file's first
    text; `end`: the index of the first line after the record."""

    delimiter: str
    cells: tuple[str, ...]
    skipped_lines: int
    above: tuple[int, ...]
    lines: list[str]
    end: int

    @property
    def row(self) -> int:
        """The number of its row, as a person counts."""
        return self.skipped_lines + 1

    @property
    def nothing_below(self) -> bool:
        return not any(line.strip(" \r\n") for line in self.lines[self.end :])


def first_records(head: str, *, whole: bool) -> list[list[FirstRecord]]:
    """The first records that are not blank, once for each delimiter with which the first one can be read; empty if the
    text has only blank lines.

    head: the file's first text; whole: it is the whole text. Raises UnusableError if the first line does not end, or
    cannot be read with any delimiter.
    """
    lines = list(io.StringIO(head.removeprefix("\ufeff"), newline=""))
    said = SEPARATOR_LINE.match(lines[0]) if lines else None
    skipped = next(
        (place for place, line in enumerate(lines) if line.strip(NOTHING) and not (said and place == 0)), None
    )
    if skipped is None:
        return []
    read = [_records(lines, skipped, delimiter, whole=whole) for delimiter in ((said[2],) if said else DELIMITERS)]
    found = [records for records in read if records]
    if not found:
        raise UnusableError(
            "has no header: a quote that is opened in its first line is not closed properly, or the line does not end"
        )
    return found


def _records(lines: list[str], skipped: int, delimiter: str, *, whole: bool) -> list[FirstRecord]:
    """The records up to the first one that breaks the structure, or that the end of the head cuts off."""
    taken = skipped

    def counted() -> Iterator[str]:
        nonlocal taken
        for line in lines[skipped:]:
            taken += 1
            yield line

    reader = csv.reader(counted(), delimiter=delimiter, strict=True)
    found: list[FirstRecord] = []
    above: tuple[int, ...] = ()
    try:
        while len(found) < RECORDS:
            before = taken
            cells = next(reader, None)
            if cells is None or (taken == len(lines) and not whole and not lines[-1].endswith(("\n", "\r"))):
                break
            if not is_blank(cells):
                found.append(FirstRecord(delimiter, tuple(cells), before, above, lines, taken))
                above = (*above, sum(not is_blank([cell]) for cell in cells))
    except csv.Error:
        pass
    return found
