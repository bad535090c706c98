"""Checks that a text is UTF-8. It checks each byte: a single `é` in Latin-1 in the last line of a gigabyte must not
become U+FFFD in a table.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from lakehouse_assets.landing.csv_files.unpacking import UnusableError

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16's, which begins with the same two bytes
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
SAMPLE = 64
INSTEAD = "save it as UTF-8, or declare its encoding in the contract"


def refuse_utf16(head: bytes) -> None:
    """Raises UnusableError for UTF-16 and UTF-32: by the byte order mark, or because every second byte of a header in
    Latin letters is zero.

    `Utf8Check` does not find the latter, because such bytes are valid UTF-8 (a zero is U+0000).
    """
    for mark, name in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            raise UnusableError(f"is {name}, not UTF-8: {INSTEAD}")
    sample = head[: min(SAMPLE, len(head) // 2 * 2)]
    lanes = sorted((sample[0::2].count(0), sample[1::2].count(0)))
    if len(sample) >= 4 and lanes[0] <= len(sample) * 0.05 and lanes[1] >= len(sample) * 0.4:
        raise UnusableError("is UTF-16 without a byte order mark, not UTF-8: save it as UTF-8")


def as_utf_8(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The text in UTF-8. Raises UnusableError if it is not in the declared encoding.

    Nearly every text is valid in a single-byte encoding. One with letters beyond ASCII that is valid UTF-8 as a whole
    is in UTF-8, whatever its contract says.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    in_utf_8, ascii_only, taken = Utf8Check(), True, 0
    for piece in pieces:
        if not taken:
            _look_at_mark(piece, encoding)
        ascii_only = ascii_only and piece.isascii()
        in_utf_8.try_piece(piece)
        yield _decoded(decoder, piece, encoding, taken).encode()
        taken += len(piece)
    yield _decoded(decoder, b"", encoding, taken, final=True).encode()
    if not ascii_only and encoding != "utf-16" and in_utf_8.is_valid():
        raise UnusableError(
            f"is UTF-8, and its contract declares {encoding}: correct the encoding in the contract, or move the file to"
            " a folder without one"
        )


def _look_at_mark(head: bytes, encoding: str) -> None:
    mark = next((name for start, name in BYTE_ORDER_MARKS.items() if head.startswith(start)), None)
    if head.startswith(codecs.BOM_UTF8):
        mark = "UTF-8"
    if encoding == "utf-16" and mark is None:
        raise UnusableError("has no byte order mark, which a file in UTF-16 needs: save it as UTF-16 with one")
    if mark and mark.lower() != encoding:
        raise UnusableError(f"begins with the byte order mark of {mark}, and its contract declares {encoding}")


def _decoded(
    decoder: codecs.IncrementalDecoder, piece: bytes, encoding: str, taken: int, *, final: bool = False
) -> str:
    try:
        return decoder.decode(piece, final)
    except UnicodeDecodeError as error:
        raise UnusableError(
            f"is not {encoding}, which its contract declares: byte 0x{error.object[error.start]:02X} near offset"
            f" {taken + error.start:,} ({error.reason})"
        ) from error


class Utf8Check:
    """Checks a text's bytes piece by piece. A character may be split between two pieces."""

    def __init__(self) -> None:
        self._checked = 0
        self._pending = b""
        self._failed = False

    def try_piece(self, piece: bytes) -> None:
        """Like `take`, but `is_valid` says whether there was an error."""
        if not self._failed:
            try:
                self.take(piece)
            except UnusableError:
                self._failed = True

    def is_valid(self) -> bool:
        return not self._failed and not self._pending

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
                f" Latin-1 or Windows-1252: {INSTEAD}"
            ) from error
        self._checked += decoded
        self._pending = data[decoded:]
