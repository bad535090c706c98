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
from xml.parsers import expat

from lakehouse_assets.errors import BadData

EXACT_BELOW = 2.0**53
"""Doubles hold every whole number up to here."""
LARGEST_EXPONENT = 308
REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})\Z")
FORMULA_SHOWN = 60

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
    """Handles the elements row, c (cell), f (formula), v (value), is (inline text) of a sheet, in the document's order."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.found = SpecialCells()
        self.certain_rows = 0
        self.possible_rows = 0
        self._row = -1
        self._column = -1
        self._in_cell = False
        self._kind = "n"
        self._formula: str | None = None
        self._value = ""
        self._text: list[str] = []
        self._row_is = 0

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition("}")[2]
        if tag == "c":
            self._start_cell(attributes)
        elif tag == "row":
            self._end_row()
            place = attributes.get("r")
            row = int(place) - 1 if place and place.isdecimal() and len(place) < 8 else self._row + 1
            self._forward((row, -1), place or "")
        elif self._in_cell and tag in ("v", "f", "t"):
            self._text = []
            self.parser.CharacterDataHandler = self._text.append

    def _start_cell(self, attributes: dict[str, str]) -> None:
        reference = attributes.get("r")
        place = (self._row, self._column + 1)
        if reference is not None:
            match = REFERENCE.match(reference)
            if match is None:
                raise BadData(f"the workbook is damaged: {reference[:20]!r} is no cell")
            place = (int(match[2]) - 1, _column_number(match[1]))
        self._forward(place, reference or "")
        self._in_cell = True
        self._kind = attributes.get("t", "n")
        self._formula = None
        self._value = ""

    def _forward(self, place: tuple[int, int], reference: str) -> None:
        if place <= (self._row, self._column) and self._row >= 0:
            raise BadData(f"the workbook is damaged: cell or row {reference[:20]} comes twice, or out of order")
        self._row, self._column = place

    def _end(self, name: str) -> None:
        tag = name.rpartition("}")[2]
        if tag == "c":
            self._in_cell = False
            self._judge()
        elif tag == "sheetData":
            self._end_row()
        elif self._in_cell and tag in ("v", "f", "t"):
            self.parser.CharacterDataHandler = None
            text = "".join(self._text)
            if tag == "f":
                self._formula = text
            else:
                self._value += text

    def _judge(self) -> None:
        place = f"cell {_column_name(self._column)}{self._row + 1}"
        formula = f" (={self._formula[:FORMULA_SHOWN]})" if self._formula else ""
        if self._kind == "e":
            fault = Fault(f"{place}: {self._value or 'an error'}, an error value{formula}", self._value)
            self.found.faults.setdefault(self._row, {})[self._column] = fault
        elif self._formula is not None and not self._value and self._kind != "str":
            self.found.faults.setdefault(self._row, {})[self._column] = Fault(f"{place}: a formula without a saved value{formula}", "")
        elif self._kind == "n" and self._value:
            self._keep_large(self._value.strip())
        if self._kind == "e" or (self._kind != "s" and self._value.strip()) or self._row in self.found.faults:
            self._row_is = 2
        elif self._value:
            self._row_is = max(self._row_is, 1)

    def _keep_large(self, raw: str) -> None:
        try:
            exact = -EXACT_BELOW < float(raw) < EXACT_BELOW
        except ValueError:
            return
        if not exact:
            self.found.large[self._row, self._column] = large_number_text(raw)

    def _end_row(self) -> None:
        self.certain_rows += self._row_is == 2
        self.possible_rows += self._row_is == 1
        self._row_is = 0


def _column_number(letters: str) -> int:
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
