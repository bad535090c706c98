"""One pass over the bytes of a sheet's XML, at the disk's speed: counts its rows and finds out whether its cells have
to be read again from the XML (`xml`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

CHUNK = 1 << 18
ROW_NUMBER = re.compile(rb"""<row\b[^<>]*?\sr=["'](\d{1,9})["']""")
FORMULA_OR_ERROR = (b"<f", b":f", b'"e"', b"'e'")
UNUSUAL_TAG = (b"<c\n", b"<c\r", b"<c\t", b"<c/", b"<row\n", b"<row\r", b"<row\t", b":c ", b":c>", b":row")
MARKS = (*FORMULA_OR_ERROR, *UNUSUAL_TAG)


@dataclass(frozen=True)
class Part:
    """A workbook's XML part. `row_tags`: the number of its row elements; `suspicious`: it may have a formula, an error
    value, a repeated row or cell, or a cell that calamine misreads.
    """

    name: str
    row_tags: int
    suspicious: bool


class Scan:
    """Sums up a part, piece by piece. `ordinary`: the pattern of cells that calamine reads correctly; None if the part
    is not a sheet.
    """

    def __init__(self, ordinary: re.Pattern[bytes] | None) -> None:
        self.row_tags = 0
        self.suspicious = False
        self._places = _Places(ordinary) if ordinary else None

    def take(self, piece: bytes) -> None:
        if self._places is None:
            return
        self.row_tags += _tags(piece, b"row")
        self.suspicious = self.suspicious or any(mark in piece for mark in MARKS) or self._places.are_suspicious(piece)


def whole_cells(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, but each piece ends before a cell, or else before a tag, so that no cell is split. Only a text
    longer than a chunk is split anywhere.
    """
    carried = b""
    for chunk in chunks:
        text = carried + chunk
        cut = text.rfind(b"<c ")
        if cut < max(0, len(text) - CHUNK):
            cut = text.rfind(b"<")
        if cut < max(0, len(text) - CHUNK):
            cut = len(text)
        yield text[:cut]
        carried = text[cut:]
    yield carried


class _Places:
    """The numbers of a sheet's rows and the names of its cells, piece by piece. Of two cells with one name calamine
    keeps the last.
    """

    def __init__(self, ordinary: re.Pattern[bytes]) -> None:
        self._ordinary = ordinary
        self._row = 0
        self._cells: set[bytes] = set()

    def are_suspicious(self, piece: bytes) -> bool:
        """Whether a cell is not ordinary, or has no name, or has a name that occurred before in this piece or the last;
        or the row numbers do not increase.
        """
        rows = [int(number) for number in ROW_NUMBER.findall(piece)]
        cells = self._ordinary.findall(piece)
        before, self._cells = self._cells, set(cells)
        rising = all(row < following for row, following in pairwise([self._row, *rows]))
        self._row = rows[-1] if rows else self._row
        some_without = 0 < len(rows) < _tags(piece, b"row") or len(cells) < _tags(piece, b"c") or b"" in self._cells
        return some_without or not rising or len(self._cells) < len(cells) or not before.isdisjoint(self._cells)


def _tags(piece: bytes, name: bytes) -> int:
    return piece.count(b"<" + name + b" ") + piece.count(b"<" + name + b">")
