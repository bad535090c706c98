"""Converts one sheet to one CSV file (RFC 4180, UTF-8, lines ended by a line feed) and accounts for every row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import compress, islice
from pathlib import Path
from typing import cast

from python_calamine import CalamineSheet

from lakehouse_assets.errors import BadData
from lakehouse_assets.landing.csv_files.lines import csv_line
from lakehouse_assets.landing.routing import MALFORMED, Route, check_header, named, normalise, route, shared
from lakehouse_assets.landing.workbooks.cells import Value, cell_text, in_form
from lakehouse_assets.landing.workbooks.scan import Part
from lakehouse_assets.landing.workbooks.xml import SpecialCells
from lakehouse_assets.written import WrittenForm

HEADER_WITHIN = 20
"""The header must be one of this many filled rows: reports have a title, a date or filters above it."""
OWN = "sheet"
DATE_LENGTH = len("2025-04-01")


@dataclass(frozen=True)
class DatasetColumns:
    """The part of a contract that the reader's process gets: enough to route a header, the columns in which a date is
    written as a timestamp, and the declared forms, in which the cells that are not texts are written.
    """

    dataset: str
    file_names: tuple[str, ...]
    required_names: tuple[str, ...]
    timestamps: tuple[str, ...]
    allows_unknown: bool = False
    aliases: tuple[tuple[str, str], ...] = ()
    forms: Mapping[str, WrittenForm] = field(default_factory=dict)


@dataclass(frozen=True)
class Conversion:
    """Either `reason`, why the sheet was not converted, or the `dataset` that it was converted for. `rows`: the number
    of rows below the header, in either case.
    """

    dataset: str | None = None
    reason: str | None = None
    rows: int = 0
    skipped_blank_rows: int = 0
    warnings: tuple[str, ...] = ()


@dataclass
class Budget:
    """The number of characters that may still be written for the workbook. Without a limit, a short text that all cells
    share could make any amount of CSV.
    """

    characters: int

    def spend(self, characters: int) -> None:
        self.characters -= characters
        if self.characters < 0:
            raise BadData("the workbook's rows make more text than the limit for a workbook allows")


class SheetRows:
    """A sheet's rows as texts, from its first row and column on. Cells that calamine misreads come from the XML."""

    def __init__(self, sheet: CalamineSheet, part: Part, special: Callable[[], SpecialCells]) -> None:
        """`special`: reads the cells that calamine misreads; its result is cached."""
        self._sheet = sheet
        self._offset: list[Value] = [""] * sheet.start[1] if sheet.start else []
        self._special = special
        rows = sheet.end[0] + 1 if sheet.end else 0
        # If there are as many row elements as rows, no row replaced another. Then the XML is not read again, which
        # would take three times as long as the first pass.
        self._reads_xml = part.suspicious or part.row_tags != rows
        self.faults = self._special().faults if self._reads_xml else {}
        self.count = max(rows, max(self.faults, default=-1) + 1)

    def texts(
        self, timestamps: Sequence[int] = (), forms: Sequence[tuple[int, WrittenForm]] = ()
    ) -> Iterator[tuple[int, list[str]]]:
        """Yields each row's number, from 0, and its cells. `timestamps`: the columns in which a date gets a time of
        day. `forms`: columns, and the forms in which their numbers, dates and booleans are written.
        """
        number = -1
        for number, values in enumerate(self._sheet.iter_rows()):
            yield number, self._row(number, self._offset + values if self._offset else values, timestamps, forms)
        for beyond in range(number + 1, self.count):
            yield beyond, self._row(beyond, [], timestamps, forms)

    def _row(
        self,
        number: int,
        values: Sequence[Value],
        timestamps: Sequence[int],
        forms: Sequence[tuple[int, WrittenForm]],
    ) -> list[str]:
        read = [value if value.__class__ is str else cell_text(value) for value in values]
        if None in read:
            large = self._special().large
            read = [large[number, column] if text is None else text for column, text in enumerate(read)]
        texts = cast("list[str]", read)
        for column in timestamps:
            if column < len(values) and isinstance(values[column], date) and len(texts[column]) == DATE_LENGTH:
                texts[column] += "T00:00:00"
        for column, form in forms:
            if column < len(values):
                texts[column] = in_form(values[column], texts[column], form)
        for column, fault in self.faults.get(number, {}).items():
            texts += [""] * (column + 1 - len(texts))
            texts[column] = fault.raw
        return texts

    def is_blank(self, number: int, texts: list[str]) -> bool:
        return not "".join(texts).strip() and number not in self.faults

    def reconcile(self, filled: int, blank: int) -> None:
        """Raises BadData if the rows that were written and skipped are not all rows of the sheet."""
        least, most = self._special().rows if self._reads_xml else (filled, filled)
        if filled + blank != self.count or not least <= filled <= most:
            raise BadData(
                f"the sheet's rows do not add up: {self.count:,} rows, of which its XML fills {least:,} to {most:,}; "
                f"read were {filled:,} filled and {blank:,} blank ones"
            )


@dataclass(frozen=True)
class _Header:
    """The row taken for the header: its number from 0, its texts and names, the dataset that they are routed to, and
    the number of a dataset's columns that it has.
    """

    row: int
    texts: list[str]
    names: tuple[str, ...]
    route: Route
    shared: int


def convert_sheet(
    rows: SheetRows, datasets: Mapping[str, DatasetColumns], target: Path, budget: Budget, name: str
) -> Conversion:
    """Writes the sheet to `target` if one of its first filled rows is a dataset's header; skips rows above it."""
    header = _find_header(rows, datasets, name)
    if header is None:
        return Conversion(reason="empty sheet")
    kept: list[bool] = []
    if header.row in rows.faults:
        reason: str | None = (
            f"the header cannot be read: {'; '.join(fault.reason for fault in rows.faults[header.row].values())}"
        )
    elif header.route.dataset is None:
        reason = f"{_taken_for_header(header)}{header.route.reason}; the header must be the first filled row"
    else:
        kept = _kept_columns(header.texts[: len(header.names)], rows, header.row)
        reason = _header_problem(header.names, kept, datasets[header.route.dataset])
    if reason is not None or header.route.dataset is None:
        return _not_converted(rows, header, reason)
    return _write(rows, header, kept, datasets[header.route.dataset], target, budget)


def own_columns(rows: SheetRows) -> dict[str, DatasetColumns]:
    """The columns of a sheet as a dataset of its own, by its name: those that the first of its widest rows names. Empty
    if all rows are blank.
    """
    filled = (texts for number, texts in rows.texts() if not rows.is_blank(number, texts))
    widest = max(islice(filled, HEADER_WITHIN), key=lambda texts: sum(map(bool, map(str.strip, texts))), default=None)
    if widest is None:
        return {}
    names = _names(widest)
    return {OWN: DatasetColumns(OWN, names, names, (), allows_unknown=True)}


def _find_header(rows: SheetRows, datasets: Mapping[str, DatasetColumns], sheet: str) -> _Header | None:
    """The first row that has a dataset's required columns, or else the one with most of a dataset's columns; None if
    all rows are blank.
    """
    filled = ((number, texts) for number, texts in rows.texts() if not rows.is_blank(number, texts))
    tried = []
    for number, texts in islice(filled, HEADER_WITHIN):
        names = _names(texts)
        most = max((shared(names, dataset) for dataset in datasets.values()), default=0)
        header = _Header(number, texts, names, route(names, datasets, name=sheet), most)
        if header.route.dataset is not None and number not in rows.faults:
            return header
        tried.append(header)
    return max(tried, key=lambda header: header.shared, default=None)


def _taken_for_header(header: _Header) -> str:
    return f"row {header.row + 1} was taken for the header: " if header.shared else ""


def _header_problem(names: tuple[str, ...], kept: list[bool], dataset: DatasetColumns) -> str | None:
    problem = check_header(list(compress(names, kept)), dataset).problem
    if problem is None and MALFORMED in names:
        problem = f"uses the reserved name {MALFORMED}: rename the column"
    return f"the header {problem}" if problem else None


def _not_converted(rows: SheetRows, header: _Header, reason: str | None) -> Conversion:
    """Counts the filled rows below the row that was taken for the header; all filled rows if that row has no column of
    any dataset.
    """
    filled = [number for number, texts in rows.texts() if not rows.is_blank(number, texts)]
    below = sum(number > header.row for number in filled) if header.shared else len(filled)
    return Conversion(reason=reason, rows=below, skipped_blank_rows=rows.count - len(filled))


def _names(header: list[str]) -> tuple[str, ...]:
    width = max((column for column, name in enumerate(header, start=1) if name.strip()), default=0)
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


def _write(
    rows: SheetRows, header: _Header, kept: list[bool], dataset: DatasetColumns, target: Path, budget: Budget
) -> Conversion:
    """Writes header and rows. Cells beyond the header make the row longer than it, and the engine rejects the row;
    blank ones are left out.
    """
    width = len(header.names)
    names = list(enumerate(named(header.names, dataset)))
    timestamps = [column for column, name in names if name in dataset.timestamps]
    forms = [(column, dataset.forms[name]) for column, name in names if name in dataset.forms]
    written = blank = above = 0
    with target.open("w", encoding="utf-8", newline="") as file:
        file.write(csv_line([*compress(header.names, kept), *([MALFORMED] if rows.faults else [])]))
        for number, texts in rows.texts(timestamps, forms):
            if rows.is_blank(number, texts):
                blank += 1
            elif number < header.row:
                above += 1
            elif number > header.row:
                cells = list(compress(texts[:width] + [""] * (width - len(texts)), kept))
                if rows.faults:
                    cells.append("; ".join(fault.reason for fault in rows.faults.get(number, {}).values()))
                if len(texts) > width:
                    cells += _without_blank_end(texts[width:])
                line = csv_line(cells)
                budget.spend(len(line))
                file.write(line)
                written += 1
    rows.reconcile(above + 1 + written, blank)
    return Conversion(dataset.dataset, None, written, blank, _skipped_above(header.row) if above else ())


def _skipped_above(row: int) -> tuple[str, ...]:
    return (
        (
            f"the header is in row {row + 1}; {row} {'row' if row == 1 else 'rows'} above it"
            f" {'was' if row == 1 else 'were'} skipped"
        ),
    )


def _without_blank_end(cells: list[str]) -> list[str]:
    while cells and not cells[-1].strip():
        cells.pop()
    return cells
