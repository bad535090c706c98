"""Reads a CSV file with quotes record by record, as RFC 4180 has it, to find the quote that would swallow the rows
after it.

Engines differ in what they do at such a quote, and none of it is right: only whoever wrote the file knows where its
records end.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from lakehouse_assets.landing.csv_files.blanks import is_blank, trimmed
from lakehouse_assets.landing.csv_files.dialect import Dialect
from lakehouse_assets.landing.csv_files.unpacking import UnusableError

LONGEST_RECORD = 16 << 20
"""Characters. A quote that is never closed makes the rest of the file one field: memory must not hold it."""

FIELD_LIMIT = (1 << 31) - 1
"""Python's csv refuses fields above 131,072 characters. Its limit is one for the process: as every thread sets the
same, none hinders another.
"""


@dataclass(frozen=True)
class Records:
    """`newlines`: what ends the records, whatever stands inside their quotes. `rows`: records below the header that are
    not blank; `blank_rows`: those that are, empty lines not counted. `beyond`: a row has something in a column behind
    the last one that has a name."""

    multiline: bool
    newlines: frozenset[str]
    rows: int
    blank_rows: int
    beyond: bool


def read_records(stream: io.RawIOBase, delimiter: str, skipped_lines: int, named: int, width: int) -> Records:
    """What the records of a UTF-8 text are, its header below `skipped_lines` lines, with `width` columns, of which the
    first `named` end with one that has a name. Raises UnusableError, naming the record and its line, where one breaks
    the file's structure."""
    csv.field_size_limit(FIELD_LIMIT)
    lines = _Lines(io.TextIOWrapper(io.BufferedReader(stream, 1 << 20), "utf-8-sig", newline=""))
    reader = csv.reader(iter(lines), delimiter=delimiter, strict=True)
    record, lines_before = 1, 0
    multiline = beyond = False
    rows, blank_rows = -1, 0
    endings: set[str] = set()
    try:
        for cells in reader:
            endings.add(lines.last[-2:])
            if reader.line_num > lines_before + 1:
                multiline = True
            lines_before = reader.line_num
            lines.characters_of_record = 0
            record += bool(cells)
            if lines_before <= skipped_lines:
                continue
            if is_blank(cells):
                blank_rows += bool(cells)
                continue
            rows += 1
            beyond = beyond or (rows > 0 and not is_blank(cells[named:width]))
    except (csv.Error, _TooLongError) as error:
        where = f"record {record:,} (it starts in line {lines_before + 1:,})"
        raise UnusableError(f"cannot be read from {where} on: {_cause(error, lines)}") from error
    return Records(
        multiline,
        frozenset(newline for ending in endings if (newline := _newline(ending))),
        max(rows, 0),
        blank_rows,
        beyond,
    )


def records_below_header(text: io.TextIOBase, dialect: Dialect) -> Iterator[list[str]]:
    """The fields of each record below the header that is not blank, without blank fields beyond the header's width.
    `text`: one that preflight accepted."""
    csv.field_size_limit(FIELD_LIMIT)
    records = csv.reader(islice(text, dialect.skipped_lines, None), delimiter=dialect.delimiter, strict=True)
    rows = (fields for fields in records if not is_blank(fields))
    next(rows, None)
    for fields in rows:
        yield trimmed(fields, len(dialect.header))


def _cause(error: Exception, lines: _Lines) -> str:
    if isinstance(error, _TooLongError):
        return f"the record is longer than {LONGEST_RECORD:,} characters; perhaps a quote opened there is never closed"
    return "a quote opened there is never closed" if lines.ended else "text follows a closing quote"


def _newline(ending: str) -> str:
    """Nothing ends the last record of a file without a line break at its end."""
    return next((newline for newline in ("\r\n", "\n", "\r") if ending.endswith(newline)), "")


class _TooLongError(Exception):
    pass


class _Lines:
    """The text's lines for the csv module, which takes as many as a record has."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.last = ""
        self.characters_of_record = 0
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(LONGEST_RECORD + 1):
            self.characters_of_record += len(line)
            if self.characters_of_record > LONGEST_RECORD:
                raise _TooLongError
            self.last = line
            yield line
        self.ended = True
