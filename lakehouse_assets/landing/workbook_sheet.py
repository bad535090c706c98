"""One sheet becomes one CSV file (RFC 4180, UTF-8, lines ended by a line feed) with every row of the sheet accounted for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import compress
from pathlib import Path
from typing import cast

from python_calamine import CalamineSheet

from lakehouse_assets.errors import BadData
from lakehouse_assets.landing.routing import MALFORMED, check_header, normalise, route
from lakehouse_assets.landing.workbook_archive import Archive, Part
from lakehouse_assets.landing.workbook_cells import SpecialCells, Value, cell_text, read_special_cells

DATE_LENGTH = len("2025-04-01")
needs_quotes = re.compile(r'[",\r\n]').search


@dataclass(frozen=True)
class DatasetColumns:
    """What the reader's process is told of a contract: enough to route a header, and where a date is written as a timestamp."""

    dataset: str
    names: tuple[str, ...]
    required_names: tuple[str, ...]
    timestamps: tuple[str, ...]
    allows_unknown: bool = False


@dataclass(frozen=True)
class Conversion:
    """Either `reason`, why the sheet was not converted, or `dataset` and what was written."""

    dataset: str | None = None
    reason: str | None = None
    rows: int = 0
    skipped_blank_rows: int = 0


@dataclass
class Budget:
    """Characters that may still be written for the whole workbook: a short text, shared by all cells, can make any amount of CSV."""

    characters: int

    def spend(self, characters: int) -> None:
        self.characters -= characters
        if self.characters < 0:
            raise BadData("the workbook's rows make more text than the limit for a workbook allows")


class SheetRows:
    """A sheet's rows as texts, from its first row and column on; with those cells read from its XML that calamine does not tell apart."""

    def __init__(self, sheet: CalamineSheet, part: Part, archive: Archive) -> None:
        self._sheet = sheet
        self._offset: list[Value] = [""] * sheet.start[1] if sheet.start else []
        self._special: Callable[[], SpecialCells] = cache(lambda: read_special_cells(archive.chunks(part.name)))
        rows = sheet.end[0] + 1 if sheet.end else 0
        # As many row elements as rows: none was read over another. Then the second look, which takes three times the first, is left out.
        self._looked_twice = part.suspicious or part.row_tags != rows
        self.faults = self._special().faults if self._looked_twice else {}
        self.count = max(rows, max(self.faults, default=-1) + 1)

    def texts(self, timestamps: Sequence[int] = ()) -> Iterator[tuple[int, list[str]]]:
        """Each row's number, from 0, and its cells; `timestamps` are the columns in which a date gets a time of day."""
        number = -1
        for number, values in enumerate(self._sheet.iter_rows()):
            yield number, self._row(number, self._offset + values if self._offset else values, timestamps)
        for beyond in range(number + 1, self.count):
            yield beyond, self._row(beyond, [], timestamps)

    def _row(self, number: int, values: Sequence[Value], timestamps: Sequence[int]) -> list[str]:
        read = [value if value.__class__ is str else cell_text(value) for value in values]
        if None in read:
            large = self._special().large
            read = [large[number, column] if text is None else text for column, text in enumerate(read)]
        texts = cast("list[str]", read)
        for column in timestamps:
            if column < len(values) and isinstance(values[column], date) and len(texts[column]) == DATE_LENGTH:
                texts[column] += "T00:00:00"
        for column, fault in self.faults.get(number, {}).items():
            texts += [""] * (column + 1 - len(texts))
            texts[column] = fault.raw
        return texts

    def is_blank(self, number: int, texts: list[str]) -> bool:
        return not "".join(texts).strip() and number not in self.faults

    def reconcile(self, filled: int, blank: int) -> None:
        """Raises BadData if the rows that were written and skipped are not all rows of the sheet."""
        least, most = self._special().rows if self._looked_twice else (filled, filled)
        if filled + blank != self.count or not least <= filled <= most:
            raise BadData(
                f"the sheet's rows do not add up: {self.count:,} rows, of which its XML fills {least:,} to {most:,}; "
                f"read were {filled:,} filled and {blank:,} blank ones"
            )


def convert_sheet(rows: SheetRows, datasets: Mapping[str, DatasetColumns], target: Path, budget: Budget) -> Conversion:
    """Writes the sheet to `target` if its header is a dataset's: the first row that is not blank, above which rows may be blank."""
    top, header = next(((number, texts) for number, texts in rows.texts() if not rows.is_blank(number, texts)), (0, []))
    if not header:
        return Conversion(reason="empty sheet")
    if top in rows.faults:
        return Conversion(reason=f"the header cannot be read: {'; '.join(fault.reason for fault in rows.faults[top].values())}")
    names = _names(header)
    routed = route(names, datasets)
    if routed.dataset is None:
        return Conversion(reason=routed.reason)
    kept = _kept_columns(header[: len(names)], rows, top)
    dataset = datasets[routed.dataset]
    problem = check_header(list(compress(names, kept)), dataset).problem
    if problem is None and MALFORMED in names:
        problem = f"uses the reserved name {MALFORMED}: rename the column"
    if problem is not None:
        return Conversion(reason=f"the header {problem}")
    return _write(rows, top, names, kept, dataset, target, budget)


def _names(header: list[str]) -> tuple[str, ...]:
    width = max(column for column, name in enumerate(header, start=1) if name.strip())
    return normalise(header[:width])


def _kept_columns(header: list[str], rows: SheetRows, top: int) -> list[bool]:
    """A column without a name is left out if all its cells are blank."""
    unnamed = [column for column, name in enumerate(header) if not name.strip()]
    kept = [bool(name.strip()) for name in header]
    if unnamed:
        for number, texts in rows.texts():
            for column in unnamed:
                if number > top and column < len(texts) and texts[column].strip():
                    kept[column] = True
    return kept


def _write(rows: SheetRows, top: int, names: tuple[str, ...], kept: list[bool], dataset: DatasetColumns, target: Path, budget: Budget) -> Conversion:
    """Header and rows. Cells beyond the header make the row longer than it, which the engine rejects; blank ones are left out."""
    width = len(names)
    timestamps = [column for column, name in enumerate(names) if name in dataset.timestamps]
    written = blank = 0
    with target.open("w", encoding="utf-8", newline="") as file:
        file.write(_line([*compress(names, kept), *([MALFORMED] if rows.faults else [])]))
        for number, texts in rows.texts(timestamps):
            if rows.is_blank(number, texts):
                blank += 1
            elif number > top:
                cells = list(compress(texts[:width] + [""] * (width - len(texts)), kept))
                if rows.faults:
                    cells.append("; ".join(fault.reason for fault in rows.faults.get(number, {}).values()))
                if len(texts) > width:
                    cells += _without_blank_end(texts[width:])
                line = _line(cells)
                budget.spend(len(line))
                file.write(line)
                written += 1
    rows.reconcile(1 + written, blank)
    return Conversion(dataset.dataset, None, written, blank)


def _without_blank_end(cells: list[str]) -> list[str]:
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _line(cells: list[str]) -> str:
    """A record. Not by the csv module: with "\\n" as its line end it leaves a carriage return in a field unquoted before Python 3.13."""
    line = ",".join(cells)
    if '"' in line or "\n" in line or "\r" in line or line.count(",") >= len(cells):
        line = ",".join('"' + cell.replace('"', '""') + '"' if needs_quotes(cell) else cell for cell in cells)
    return line + "\n"
