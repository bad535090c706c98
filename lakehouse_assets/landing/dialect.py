"""A CSV file's delimiter and header, from its first bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from lakehouse_assets.landing.arriving import UnusableError
from lakehouse_assets.landing.routing import normalise

DELIMITERS = (",", ";", "\t", "|")
HEAD = 1 << 20
"""A header must end within so many bytes."""
BLANK = " \r\n" + "".join(DELIMITERS)
"""Above a header, a line of delimiters is as blank as an empty one: spreadsheets export their empty rows so."""


@dataclass(frozen=True)
class FirstRecord:
    """The header, if `delimiter` is the file's. `skipped_lines` blank lines stand before it; `body` is the text that follows in the head."""

    delimiter: str
    names: tuple[str, ...]
    skipped_lines: int
    body: str


def first_records(head: str, *, whole: bool) -> list[FirstRecord]:
    """The first record that is no blank line, once for each delimiter that it can be read by; none in a text of blank lines.

    head: the file's first text; whole: nothing follows it. Raises UnusableError for a first line without end, or that no delimiter makes sense of.
    """
    lines = list(io.StringIO(head.removeprefix("\ufeff"), newline=""))
    skipped = next((place for place, line in enumerate(lines) if line.strip(BLANK)), None)
    if skipped is None:
        return []
    read = [found for delimiter in DELIMITERS if (found := _first_record(lines, skipped, delimiter, whole=whole)) is not None]
    if not read:
        raise UnusableError("has no header: a quote that is opened in its first line is not closed properly, or the line does not end")
    return read


def _first_record(lines: list[str], skipped: int, delimiter: str, *, whole: bool) -> FirstRecord | None:
    taken = skipped

    def counted() -> Iterator[str]:
        nonlocal taken
        for line in lines[skipped:]:
            taken += 1
            yield line

    try:
        cells = next(csv.reader(counted(), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    if taken == len(lines) and not whole and not lines[-1].endswith(("\n", "\r")):
        return None
    return FirstRecord(delimiter, normalise(cells), skipped, "".join(lines[taken:]))
