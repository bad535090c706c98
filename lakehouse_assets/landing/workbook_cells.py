"""What the text of a CSV says of a cell's value; and the cells whose value must be read from the sheet's XML itself.

calamine, which reads the sheets, gives a blank for an error value and for a formula without a saved value (programs that do not calculate
write those), and the nearest double for any number. Rows must not load with such blanks, nor with another number than the file holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from xml.parsers import expat

from lakehouse_assets.errors import BadData

EXACT_BELOW = 2.0**53
"""Doubles hold every whole number up to here."""
LARGEST_EXPONENT = 308
COLUMN = re.compile(r"[A-Z]{1,3}\Z")
MOST_DIGITS = 8
FORMULA_SHOWN = 60
BLANK, POSSIBLY_FILLED, FILLED = range(3)

Value = str | float | bool | date | time | timedelta


@dataclass(frozen=True)
class Fault:
    """Why a row with this cell is a reject, and what stands in the cell."""

    reason: str
    raw: str


@dataclass
class SpecialCells:
    """By row and column, both from 0. `rows`: how many rows hold something, at least and at most (a shared string may be blank)."""

    faults: dict[int, dict[int, Fault]] = field(default_factory=dict)
    large: dict[tuple[int, int], str] = field(default_factory=dict)
    rows: tuple[int, int] = (0, 0)


def cell_text(value: Value) -> str | None:
    """A value as calamine gives it, as CSV text: 90.0 is 90, dates and times are ISO 8601, midnight is a date.

    None for a number that a double may not hold exactly: `SpecialCells.large` has it as the file does.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float | int):
        if not -EXACT_BELOW < value < EXACT_BELOW:
            return None
        return str(int(value)) if value == int(value) else repr(value)
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return value.isoformat()


def _duration(value: timedelta) -> str:
    seconds = abs(value) // timedelta(seconds=1)
    fraction = f".{abs(value).microseconds:06d}" if value.microseconds else ""
    sign = "-" if value < timedelta() else ""
    return f"{sign}PT{seconds // 3600}H{seconds // 60 % 60}M{seconds % 60}{fraction}S"


def large_number_text(raw: str) -> str:
    """A number of the sheet's XML, digit for digit, without an exponent; as it stands where that would be no double."""
    try:
        number = Decimal(raw)
    except InvalidOperation:
        return raw
    return f"{number:f}" if number.is_finite() and number.adjusted() <= LARGEST_EXPONENT else raw


def read_special_cells(chunks: Iterable[bytes]) -> SpecialCells:
    """One pass over a sheet's XML. Raises BadData where it is no XML, or names a cell twice (a reader would keep one of the two)."""
    reader = _SheetXml()
    try:
        for chunk in chunks:
            reader.parser.Parse(chunk, False)
        reader.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise BadData(f"the workbook is damaged: a sheet is no XML ({error})") from error
    reader.found.rows = (reader.certain_rows, reader.certain_rows + reader.possible_rows)
    return reader.found


class _SheetXml:
    """Handles the elements row, c (cell), f (formula), v (value), t (text) of a sheet, in the document's order: millions, so nothing is done twice."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.found = SpecialCells()
        self.certain_rows = 0
        self.possible_rows = 0
        self._row = -1
        self._column = -1
        self._row_is = BLANK
        self._in_cell = False
        self._kind = "n"
        self._formula: str | None = None
        self._value = ""
        self._text: list[str] = []
        self._tag = cache(lambda name: name.rpartition(":")[2])
        self._column_number = cache(_column_number)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = self._tag(name)
        if tag == "c":
            self._start_cell(attributes.get("r"))
            self._in_cell = True
            self._kind = attributes.get("t", "n")
            self._formula = None
            self._value = ""
        elif tag == "row":
            self._end_row()
            number = attributes.get("r", "")
            self._forward(int(number) - 1 if number.isdecimal() and len(number) < MOST_DIGITS else self._row + 1, -1)
        elif self._in_cell and tag in ("v", "f", "t"):
            self._text = []
            self.parser.CharacterDataHandler = self._text.append

    def _start_cell(self, reference: str | None) -> None:
        if reference is None:
            self._column += 1
            return
        letters = reference.rstrip("0123456789")
        number = reference[len(letters) :]
        if not 0 < len(number) < MOST_DIGITS:
            raise BadData(f"the workbook is damaged: {reference[:20]!r} is no cell")
        self._forward(int(number) - 1, self._column_number(letters))

    def _forward(self, row: int, column: int) -> None:
        if row < self._row or (row == self._row and column <= self._column):
            raise BadData(f"the workbook is damaged: a cell of row {row + 1} comes twice, or out of order")
        self._row = row
        self._column = column

    def _end(self, name: str) -> None:
        tag = self._tag(name)
        if tag == "c":
            self._in_cell = False
            self._judge()
        elif self._in_cell and tag in ("v", "f", "t"):
            self.parser.CharacterDataHandler = None
            if tag == "f":
                self._formula = "".join(self._text)
            else:
                self._value += "".join(self._text)
        elif tag == "sheetData":
            self._end_row()

    def _judge(self) -> None:
        value = self._value
        if self._kind == "e":
            self._fault(f"{value or 'an error'}, an error value", value)
        elif self._formula is not None and not value and self._kind != "str":  # a text that a formula makes may be empty
            self._fault("a formula without a saved value", "")
        elif self._kind == "s":
            self._row_is = max(self._row_is, POSSIBLY_FILLED)
        elif value.strip():
            self._row_is = FILLED
            if self._kind == "n":
                self._keep_large(value.strip())

    def _fault(self, what: str, raw: str) -> None:
        formula = f" (={self._formula[:FORMULA_SHOWN]})" if self._formula else ""
        reason = f"cell {_column_name(self._column)}{self._row + 1}: {what}{formula}"
        self.found.faults.setdefault(self._row, {})[self._column] = Fault(reason, raw)
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


def _column_number(letters: str) -> int:
    if not COLUMN.match(letters):
        raise BadData(f"the workbook is damaged: {letters[:20]!r} is no column")
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _column_name(number: int) -> str:
    name = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
