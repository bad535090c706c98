"""Reads a CSV file with quotes record by record, as RFC 4180 has it, to find the quote that would swallow the rows after it.

Engines differ in what they do at such a quote, and none of it is right: only whoever wrote the file knows where its records end.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from lakehouse_assets.landing.arriving import Unusable
from lakehouse_assets.landing.dialect import raise_field_limit

LONGEST_RECORD = 16 << 20
"""Characters. A quote that is never closed makes the rest of the file one field: memory must not hold it."""


@dataclass(frozen=True)
class Records:
    multiline: bool
    newlines: frozenset[str]


def read_records(stream: io.RawIOBase, delimiter: str) -> Records:
    """What the quotes of a UTF-8 text do. Raises Unusable, naming the record and its line, for a quote that breaks the file's structure."""
    raise_field_limit()
    lines = _Lines(io.TextIOWrapper(io.BufferedReader(stream, 1 << 20), "utf-8-sig", newline=""))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    record = 1
    multiline = False
    newlines: set[str] = set()
    try:
        for cells in reader:
            if lines.of_record > 1:
                multiline = True
            newlines.add(lines.newline())
            lines.start_record()
            record += bool(cells)
    except csv.Error as error:
        where = f"record {record:,} (it starts in line {lines.before + 1:,})"
        if lines.ended:
            raise Unusable(f"cannot be read from {where} on: a quote opened there is never closed") from error
        raise Unusable(f"cannot be read from {where} on: text follows a closing quote") from error
    except _TooLongError as error:
        raise Unusable(
            f"cannot be read from record {record:,} (it starts in line {lines.before + 1:,}) on: the record is longer than "
            f"{LONGEST_RECORD:,} characters; perhaps a quote opened there is never closed"
        ) from error
    return Records(multiline, frozenset(newlines - {""}))


class _TooLongError(Exception):
    pass


class _Lines:
    """The text's lines for the csv module, which asks for as many as a record has."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._last = ""
        self._characters = 0
        self.before = 0
        self.of_record = 0
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(LONGEST_RECORD + 1)
        if not line:
            self.ended = True
            raise StopIteration
        self._characters += len(line)
        if self._characters > LONGEST_RECORD:
            raise _TooLongError
        self._last = line
        self.of_record += 1
        return line

    def newline(self) -> str:
        return "\r\n" if self._last.endswith("\r\n") else self._last[-1:].strip(" ")

    def start_record(self) -> None:
        self.before += self.of_record
        self.of_record = 0
        self._characters = 0
