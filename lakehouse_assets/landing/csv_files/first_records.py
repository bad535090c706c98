"""A CSV file's delimiter and its first records, from its first bytes: one of these records is the header."""

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
"""A header must end within so many bytes."""
RECORDS = 20
"""The header must be one of so many records that are not blank: reports have a few lines of title above it."""
NOTHING = BLANK + "".join(DELIMITERS)
"""Above a header, a line of delimiters is as blank as an empty one, whichever the file's delimiter is."""
SEPARATOR_LINE = re.compile(r'("?)sep=([!#-/:-@\[-^`{-~\t])\1[\r\n]*\Z', re.IGNORECASE)
"""Excel's first line that says the delimiter (`sep=;`)."""


@dataclass(frozen=True)
class FirstRecord:
    """A record that may be the header, if `delimiter` is the file's. `skipped_lines` lines stand before it; `above`
    says of each record in them that is not blank how many fields it fills. `end`: the place of the first line behind it
    in `lines`, the file's first text."""

    delimiter: str
    cells: tuple[str, ...]
    skipped_lines: int
    above: tuple[int, ...]
    lines: list[str]
    end: int

    @property
    def row(self) -> int:
        """The row in which a person finds it."""
        return self.skipped_lines + 1

    @property
    def nothing_below(self) -> bool:
        return not any(line.strip(" \r\n") for line in self.lines[self.end :])


def first_records(head: str, *, whole: bool) -> list[list[FirstRecord]]:
    """The first records that are not blank, once for each delimiter that the first one can be read by; none in a text
    of blank lines.

    head: the file's first text; whole: nothing follows it. Raises UnusableError for a first line without end, or that
    no delimiter makes sense of.
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
    """As many as can be read: a record that breaks the structure, or that the head cuts off, ends them."""
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
