"""Checks that a text is UTF-8. It checks each byte: a single `é` in Latin-1 in the last line of a gigabyte must not
become U+FFFD in a table.
"""

from __future__ import annotations

import codecs

from lakehouse_assets.landing.csv_files.unpacking import UnusableError

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16's, which begins with the same two bytes
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
SAMPLE = 64


def refuse_utf16(head: bytes) -> None:
    """Raises UnusableError for UTF-16 and UTF-32: by the byte order mark, or because every second byte of a header in
    Latin letters is zero.

    `Utf8Check` does not find the latter, because such bytes are valid UTF-8 (a zero is U+0000).
    """
    for mark, name in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            raise UnusableError(f"is {name}, not UTF-8: save it as UTF-8")
    sample = head[: min(SAMPLE, len(head) // 2 * 2)]
    lanes = sorted((sample[0::2].count(0), sample[1::2].count(0)))
    if len(sample) >= 4 and lanes[0] <= len(sample) * 0.05 and lanes[1] >= len(sample) * 0.4:
        raise UnusableError("is UTF-16 without a byte order mark, not UTF-8: save it as UTF-8")


class Utf8Check:
    """Checks a text's bytes piece by piece. A character may be split between two pieces."""

    def __init__(self) -> None:
        self._checked = 0
        self._pending = b""

    def take(self, piece: bytes) -> None:
        """Raises UnusableError with the offset of the first byte that is not UTF-8."""
        if not self._pending and piece.isascii():
            self._checked += len(piece)
            return
        self._decode(self._pending + piece, final=False)

    def finish(self) -> None:
        self._decode(self._pending, final=True)

    def _decode(self, data: bytes, *, final: bool) -> None:
        try:
            _, decoded = codecs.utf_8_decode(data, "strict", final)
        except UnicodeDecodeError as error:
            place = self._checked + error.start
            raise UnusableError(
                f"is not UTF-8: byte 0x{data[error.start]:02X} at offset {place:,} ({error.reason}); perhaps it is"
                " Latin-1 or Windows-1252: save it as UTF-8"
            ) from error
        self._checked += decoded
        self._pending = data[decoded:]
