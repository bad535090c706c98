"""Blank rows and fields, which are left out, as in a workbook.

Spreadsheets export empty rows as lines of delimiters, and empty cells beyond the header as delimiters at the end of a
line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

BLANK = " \t\r\n\xa0"
"""White space that people do not see. The list is short so that Python, Spark and a search of bytes agree on it."""
BLANK_BYTES = b" \t\r\n\xc2\xa0"


def is_blank(fields: Sequence[str]) -> bool:
    return not "".join(fields).strip(BLANK)


def trimmed(fields: list[str], width: int) -> list[str]:
    """The fields without those beyond the header's width, if all of these are blank."""
    return fields[:width] if len(fields) > width and is_blank(fields[width:]) else fields


class BlankRows:
    """Looks for a line of only blanks and delimiters in a text that comes in pieces."""

    def __init__(self, delimiters: str) -> None:
        marks = delimiters.encode()
        self._line = re.compile(rb"\n(?:[ \t%b]|\xc2\xa0)+\r?\n" % re.escape(marks))
        self._nothing = BLANK_BYTES + marks
        self._kept = b""
        self.found = False

    def take(self, piece: bytes) -> None:
        """Searches the next piece. The first line of the text is not searched: it is the header."""
        if self.found:
            return
        text = self._kept + piece
        self.found = self._line.search(text) is not None
        filled = len(text.rstrip(self._nothing))
        self._kept = text[text.rfind(b"\n", filled) if b"\n" in text[filled:] else len(text) :]

    def finish(self) -> None:
        """Searches the last line, which may have no line end."""
        self.take(b"\n")
