"""Reads a CSV file with quotes record by record (RFC 4180), to find a quote that would swallow the rows after it.

Engines treat such a quote differently, and none is right: only the writer of the file knows where its records end.
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
"""In characters. A quote that is never closed makes the rest of the file one field, which must not fill the memory."""

FIELD_LIMIT = (1 << 31) - 1
"""By default Python's csv module refuses fields above 131,072 characters. The limit is global to the process, so every
thread sets the same.
"""


@dataclass(frozen=True)
class Records:
    """Facts about a file's records. `multiline`: a record has several lines. `newlines`: the line ends of the records,
    without those inside quotes. `rows`: the number of records below the header that are not blank; `blank_rows`: of
    those that are, without empty lines. `beyond`: a row has a value after the last column that has a name."""

    multiline: bool
    newlines: frozenset[str]
    rows: int
    blank_rows: int
    beyond: bool


def read_records(stream: io.RawIOBase, delimiter: str, skipped_lines: int, named: int, width: int) -> Records:
    """Reads the records of a UTF-8 text. Its header is below `skipped_lines` lines and has `width` columns; after the
    first `named` none has a name. Raises UnusableError, with the record and its line, if one breaks the file's
    structure."""
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
    """Yields the fields of each record below the header that is not blank, without blank fields beyond the header's
    width. `text`: the text of a file that preflight accepted."""
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
    """The line end; empty for the last record of a file that does not end with one."""
    return next((newline for newline in ("\r\n", "\n", "\r") if ending.endswith(newline)), "")


class _TooLongError(Exception):
    pass


class _Lines:
    """Gives the text's lines to the csv module, which takes as many as a record has."""

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
