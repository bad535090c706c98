"""Which reader a file needs so that its rows are exactly those that RFC 4180 means.

DuckDB's reader raises at nearly everything that it cannot read. Where it gave other rows without a word was measured
against Python's csv module (duckdb 2.0.0; 60,000 generated files, the reader's blocks made small so that each file had
many borders between them):
- spaces before an opening quote, in any file: it takes ` "x"` for x;
- quotes, read by several threads: at a border inside a quoted field rows were lost, up to a whole block of them;
- blank lines in files of more than one block: at a border a row too many, or a line feed too many in the next value.
With these three left out it differed in none. So quotes are read by one thread, the other two by Python. So are rows of
nothing but blanks and delimiters: to DuckDB they are rows, and here they are none.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from enum import Enum

from lakehouse_assets.etl.engines.base import RawFile
from lakehouse_assets.landing.csv_files.blanks import BlankRows

CHUNK = 1 << 20
ONE_BLOCK = 4_000_000
"""Bytes. DuckDB cuts a file into blocks of 8,000,000 (four times the longest line); a file of half that has no border
in it.
"""
BLANK_LINES = (b"\n\n", b"\n\r\n")


class Reader(Enum):
    """DuckDB by several threads, DuckDB by one, or Python."""

    THREADS = "threads"
    ONE_THREAD = "one thread"
    PYTHON = "python"


def reader_of(file: RawFile) -> Reader:
    """The fastest reader that reads the file exactly. Looks through the file (about a gigabyte a second) until it
    knows.
    """
    dialect = file.dialect
    if not dialect.regular:
        return Reader.PYTHON
    several_blocks = dialect.compression != "none" or file.path.stat().st_size > ONE_BLOCK
    space_before_quote = re.compile(rb"[\r\n%b] +\"" % re.escape(dialect.delimiter).encode())
    blank_rows = BlankRows(f'{dialect.delimiter}"')
    quoted = False
    for text in _overlapping(file):
        quoted = quoted or b'"' in text
        if (quoted and space_before_quote.search(text)) or (
            several_blocks and any(line in text for line in BLANK_LINES)
        ):
            return Reader.PYTHON
        blank_rows.take(text)
        if blank_rows.found:
            return Reader.PYTHON
    blank_rows.finish()
    if blank_rows.found:
        return Reader.PYTHON
    return Reader.ONE_THREAD if quoted and several_blocks else Reader.THREADS


def _overlapping(file: RawFile) -> Iterator[bytes]:
    """The content in pieces, each beginning with the end of the one before: from its last byte on that is no space or
    line end.
    """
    kept = b""
    with (gzip.open if file.dialect.compression == "gzip" else open)(file.path, "rb") as content:
        while chunk := content.read(CHUNK):
            text = kept + chunk
            yield text
            kept = text[max(len(text.rstrip(b" \r\n")) - 1, len(text) - CHUNK, 0) :]
