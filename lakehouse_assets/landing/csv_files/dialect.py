"""How a CSV file is written: what a reader must know to find its rows and columns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """Found once by preflight, stored in the manifest and passed to the engines. The defaults make a reader as careful
    as it can be.

    header: the normalised column names, in the file's order.
    delimiter: one character.
    compression: "none" or "gzip", by the file's content.
    regular: a strict reader may try it: one kind of line end, the header in the first line, gzip without padding.
    quoted: the file has a quote character somewhere.
    multiline: a quoted field holds a line break.
    skipped_lines: the number of lines above the header.
    encoding: as the contract declares it.
    """

    header: tuple[str, ...] = ()
    delimiter: str = ","
    compression: str = "none"
    regular: bool = True
    quoted: bool = True
    multiline: bool = True
    skipped_lines: int = 0
    encoding: str = "utf-8"

    @property
    def codec(self) -> str:
        """Python's name of the encoding, for a text that may begin with a byte order mark."""
        return "utf-8-sig" if self.encoding == "utf-8" else self.encoding
