"""Reads from a sheet's XML the cells that calamine misreads or fails on.

calamine, which reads the sheets, gives a blank for an error value and for a formula without a saved value (programs
that do not calculate write those), the nearest double for any number, 30 December 1899 for a date that is "NaN",
00:00:00 for one that is negative, and the first shared text for an index that is not a number. Of two values in a cell
it keeps the last. Rows must not be loaded with such values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from lakehouse_assets.errors import BadData
from lakehouse_assets.landing.workbooks.cell_check import Cell, CellContext, misread
from lakehouse_assets.landing.workbooks.cells import EXACT_BELOW, column_name, large_number_text

COLUMN = re.compile(r"[A-Z]{1,3}\Z")
MOST_DIGITS = 8
FORMULA_SHOWN = 60
CHILD_OF_ROOT = 2
BLANK, POSSIBLY_FILLED, FILLED = range(3)
ASCII_KINDS = ("n", "s", "b", "e")
"""In cells of these types calamine reads only the first piece of text: a comment or an entity ends it."""


@dataclass(frozen=True)
class Fault:
    """Why the row of this cell is rejected, and the cell's raw value."""

    reason: str
    raw: str


@dataclass(frozen=True)
class Cut:
    """The bytes `start` to `end` (exclusive) of a sheet's XML, which a copy for calamine replaces with `by`."""

    start: int
    end: int
    by: bytes = b""


@dataclass
class SpecialCells:
    """`faults` and `large` are by row and column, both from 0. `large`: numbers that a double may not hold exactly.
    `rows`: the number of rows that are not blank, at least and at most (a shared string may be blank).

    `misread`: the cells among the faults that calamine must not see; `around`: the bytes before and after the rows,
    which no row needs.
    """

    faults: dict[int, dict[int, Fault]] = field(default_factory=dict)
    large: dict[tuple[int, int], str] = field(default_factory=dict)
    rows: tuple[int, int] = (0, 0)
    misread: list[Cut] = field(default_factory=list)
    around: list[Cut] = field(default_factory=list)


def read_special_cells(chunks: Iterable[bytes], context: CellContext) -> SpecialCells:
    """Reads a sheet's XML in one pass. Raises BadData if it is not XML, or if it has a cell twice (a reader would keep
    only one of them).
    """
    reader = _SheetXml(context)
    try:
        for chunk in chunks:
            reader.parser.Parse(chunk, False)
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise BadData(f"the workbook is damaged: a sheet is not XML ({error})") from error
    reader.found.rows = (reader.certain_rows, reader.certain_rows + reader.possible_rows)
    return reader.found


class _SheetXml:
    """Handles the elements of a sheet in the document's order. There may be millions, so speed matters."""

    def __init__(self, context: CellContext) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartCdataSectionHandler = self._start_cdata
        self.found = SpecialCells()
        self.certain_rows = 0
        self.possible_rows = 0
        self._context = context
        self._row = -1
        self._column = -1
        self._row_is = BLANK
        self._in_data = False
        self._cell: Cell | None = None
        self._cell_tag = ""
        self._cell_from = self._value_from = 0
        self._depth = self._cell_depth = 0
        self._phonetic = False
        self._text: list[str] = []
        self._stray: list[str] = []
        self._around_from: int | None = None
        self._tag = cache(lambda name: name.rpartition(":")[2])
        self._column_number = cache(_column_number)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = self._tag(name)
        self._depth += 1
        if self._cell is not None:
            self._start_inside(self._cell, name, tag, attributes)
        elif self._in_data and tag == "c":
            self._start_cell(name, attributes)
        elif self._in_data and tag == "row":
            self._end_row()
            number = attributes.get("r", "")
            self._forward(int(number) - 1 if number.isdecimal() and len(number) < MOST_DIGITS else self._row + 1, -1)
        elif tag == "sheetData":
            self._in_data = True
            self._end_around()
        elif self._depth == CHILD_OF_ROOT and self._around_from is None:
            self._around_from = self.parser.CurrentByteIndex

    def _start_cell(self, name: str, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        if reference is None:
            self._column += 1
        else:
            letters = reference.rstrip("0123456789")
            number = reference[len(letters) :]
            if not 0 < len(number) < MOST_DIGITS:
                raise BadData(f"the workbook is damaged: {reference[:20]!r} is not a cell")
            self._forward(int(number) - 1, self._column_number(letters))
        self._cell = Cell(attributes.get("t", "n"), attributes.get("s", ""))
        self._cell_depth = self._depth
        self._cell_tag = f"<{name}>" if reference is None else f"<{name} r={quoteattr(reference)}>"
        self._cell_from = self.parser.CurrentByteIndex
        self._stray = []
        self.parser.CharacterDataHandler = self._stray.append

    def _start_inside(self, cell: Cell, name: str, tag: str, attributes: dict[str, str]) -> None:
        """An element of a cell. The text in rPh is not part of the cell's text; it is the reading of Japanese text."""
        if tag in ("v", "is"):
            cell.holders.append(tag)
            self._value_from = 0 if attributes else self.parser.CurrentByteIndex + len(f"<{name}>".encode())
        elif tag != "f" and self._depth == self._cell_depth + 1:
            cell.foreign = True
        self._phonetic = self._phonetic or tag == "rPh"
        if tag in ("v", "f", "t"):
            self._text = []
            self.parser.CharacterDataHandler = self._text.append

    def _start_cdata(self) -> None:
        if self._cell is not None:
            self._cell.cdata = True

    def _forward(self, row: int, column: int) -> None:
        if row < self._row or (row == self._row and column <= self._column):
            raise BadData(f"the workbook is damaged: a cell of row {row + 1} comes twice, or out of order")
        self._row = row
        self._column = column

    def _end(self, name: str) -> None:
        tag = self._tag(name)
        if self._cell is not None:
            if self._depth == self._cell_depth:
                self._end_cell(self._cell)
            else:
                self._end_inside(self._cell, tag)
        elif tag == "sheetData":
            self._in_data = False
            self._end_row()
        elif self._depth == 1:
            self._end_around()
        self._depth -= 1

    def _end_inside(self, cell: Cell, tag: str) -> None:
        if tag == "rPh":
            self._phonetic = False
        if tag not in ("v", "f", "t"):
            return
        self.parser.CharacterDataHandler = self._stray.append
        text = "".join(self._text)
        if tag == "f":
            cell.formula = text
        elif not self._phonetic:
            cell.value += text
        if tag == "v" and text and self._value_from and cell.kind in ASCII_KINDS:
            cell.plain = self.parser.CurrentByteIndex - self._value_from == len(text.encode())

    def _end_cell(self, cell: Cell) -> None:
        self._cell = None
        self.parser.CharacterDataHandler = None
        cell.stray = "".join(self._stray)
        what = misread(cell, self._context)
        if what is not None:
            self._fault(what, cell)
            self.found.misread.append(Cut(self._cell_from, self.parser.CurrentByteIndex, self._cell_tag.encode()))
        elif cell.kind == "e":
            self._fault(f"{cell.value or 'an error'}, an error value", cell)
        elif (
            cell.formula is not None and not cell.value and cell.kind != "str"
        ):  # a text that a formula makes may be empty
            self._fault("a formula without a saved value", cell)
        elif cell.kind == "s" and cell.value:
            self._row_is = max(self._row_is, POSSIBLY_FILLED)
        elif cell.value.strip():
            self._row_is = FILLED
            if cell.kind == "n":
                self._keep_large(cell.value)

    def _fault(self, what: str, cell: Cell) -> None:
        formula = f" (={cell.formula[:FORMULA_SHOWN]})" if cell.formula else ""
        reason = f"cell {column_name(self._column)}{self._row + 1}: {what}{formula}"
        self.found.faults.setdefault(self._row, {})[self._column] = Fault(reason, cell.value or cell.stray.strip())
        self._row_is = FILLED

    def _keep_large(self, raw: str) -> None:
        try:
            exact = -EXACT_BELOW < float(raw) < EXACT_BELOW
        except ValueError:
            return
        if not exact:
            self.found.large[self._row, self._column] = large_number_text(raw)

    def _end_row(self) -> None:
        self.certain_rows += self._row_is == FILLED
        self.possible_rows += self._row_is == POSSIBLY_FILLED
        self._row_is = BLANK

    def _end_around(self) -> None:
        if self._around_from is not None:
            self.found.around.append(Cut(self._around_from, self.parser.CurrentByteIndex))
        self._around_from = None


def _column_number(letters: str) -> int:
    if not COLUMN.match(letters):
        raise BadData(f"the workbook is damaged: {letters[:20]!r} is not a column")
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
