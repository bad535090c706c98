"""Chooses the reader that reads a file's rows exactly as RFC 4180 defines them.

DuckDB's reader raises an error at nearly everything that it cannot read. Its silent differences were measured against
Python's csv module (duckdb 2.0.0; 60,000 generated files, with small blocks so that each file had many block borders):
- spaces before an opening quote, in any file: it reads ` "x"` as x;
- quotes, read by several threads: at a border inside a quoted field rows were lost, up to a whole block;
- blank lines in files of more than one block: at a border there was an extra row, or an extra line feed in the next
  value.
Without these three, no file was read differently. So one thread reads files with quotes, and Python reads the other
two. Python also reads files in other encodings than UTF-8, and files with rows of only blanks and delimiters: DuckDB
takes them for rows, this project does not.
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
"""Bytes. DuckDB reads a file in blocks of 8,000,000 (four times the longest line), so a file of half that size has no
block border.
"""
BLANK_LINES = (b"\n\n", b"\n\r\n")


class Reader(Enum):
    """DuckDB with several threads, DuckDB with one, or Python."""

    THREADS = "threads"
    ONE_THREAD = "one thread"
    PYTHON = "python"


def reader_of(file: RawFile) -> Reader:
    """Returns the fastest reader that reads the file exactly. It scans the file (about a gigabyte per second) until
    that is known.
    """
    dialect = file.dialect
    if not dialect.regular or dialect.encoding != "utf-8":
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
    """Yields the content in pieces. Each begins with the end of the one before, from that one's last byte that is not a
    space or a line end.
    """
    kept = b""
    with (gzip.open if file.dialect.compression == "gzip" else open)(file.path, "rb") as content:
        while chunk := content.read(CHUNK):
            text = kept + chunk
            yield text
            kept = text[max(len(text.rstrip(b" \r\n")) - 1, len(text) - CHUNK, 0) :]
