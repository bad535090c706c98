"""Writes CSV: RFC 4180, with a line feed at the end of a line."""

from __future__ import annotations

import re
from collections.abc import Sequence

needs_quotes = re.compile(r'[",\r\n]').search


def csv_line(cells: Sequence[str]) -> str:
    """One record as a line of CSV, with quotes only where they are needed.

    Not written by Python's csv module. With a line feed as its line end it leaves a lone carriage return unquoted
    before Python 3.13, and readers take that for the end of the line. A record of one empty cell is `""`, because
    readers skip an empty line.
    """
    line = ",".join(cells)
    if '"' in line or "\n" in line or "\r" in line or line.count(",") >= len(cells):
        line = ",".join('"' + cell.replace('"', '""') + '"' if needs_quotes(cell) else cell for cell in cells)
    return (line or '""') + "\n"
