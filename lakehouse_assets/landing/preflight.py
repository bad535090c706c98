"""Looks at one file before any engine does, and sets aside what no engine could read rightly.

An engine that meets Latin-1, half a gzip file or an unclosed quote may guess, skip or stop the whole batch. So each file is streamed
in bounded memory: once, at the disk's speed, and where it has quotes a second time, record by record (`records`).
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, replace
from pathlib import Path

from lakehouse_assets.contracts import Contract
from lakehouse_assets.landing.arriving import ArrivingFile, Limits, TextBytes, UnusableError
from lakehouse_assets.landing.dialect import HEAD, FirstRecord, first_records
from lakehouse_assets.landing.encoding import Utf8Check, refuse_utf16
from lakehouse_assets.landing.records import read_records
from lakehouse_assets.landing.routing import HeaderCheck, check_header

__all__ = ["Limits", "Preflight", "UnusableError", "preflight", "read_header"]


@dataclass(frozen=True)
class Preflight:
    """What one file is. Where there is a `problem` the file is set aside unread, and of the rest only `sha256` and `size` are certain."""

    problem: str | None
    """Why, worded to follow the file's name ('is not UTF-8: …'); names columns and places, never a row's values."""
    empty: bool
    """No bytes, blank lines, or nothing but a header."""
    compression: str
    """"none" or "gzip", by the content."""
    delimiter: str
    header: tuple[str, ...]
    """Normalised names in the file's order. (In a file without a header these are a row's values.)"""
    extra_columns: tuple[str, ...]
    absent_columns: tuple[str, ...]
    quoted: bool
    """A quote character stands somewhere in the file."""
    multiline: bool
    """A quoted field holds a line break."""
    newline: str
    """What ends the lines: "\\n", "\\r\\n", "\\r" or "mixed"."""
    sha256: str
    """Of the bytes as they arrived."""
    size: int
    """Bytes as they arrived."""
    skipped_lines: int = 0
    """Blank lines before the header."""
    padded: bool = False
    """Zeros stand behind its gzip content, or between its parts."""


def preflight(path: Path, contract: Contract, limits: Limits = Limits()) -> Preflight:  # noqa: B008 - frozen
    """Reads a CSV file, gzipped or not, and says whether and how an engine can read it by the contract. Never raises for what is in it."""
    file = ArrivingFile(path, limits)
    found = Preflight(None, False, "none", ",", (), (), (), False, False, "\n", "", 0)
    try:
        found = _read(file, contract, found)
    except UnusableError as unusable:
        found = replace(found, problem=str(unusable))
    file.finish()
    return replace(found, compression=file.compression, padded=file.padded, sha256=file.sha256, size=file.size)


def read_header(path: Path) -> tuple[str, ...] | None:
    """The normalised header of a file, by its first bytes and the delimiter that gives most columns; None if it is empty.

    Raises UnusableError, with the reason, where these bytes are no text that could have one.
    """
    scan = _Scan()
    for chunk in ArrivingFile(path, Limits()).chunks():
        scan.take(chunk)
        if len(scan.head) >= HEAD:
            break
    read = first_records(scan.head_text(), whole=len(scan.head) < HEAD)
    return max(read, key=lambda record: len(record.names)).names if read else None


def _read(file: ArrivingFile, contract: Contract, found: Preflight) -> Preflight:
    scan = _Scan()
    for chunk in file.chunks():
        scan.take(chunk)
    scan.encoding.finish()
    found = replace(found, quoted=scan.quoted, newline=_newline(scan.newlines()))
    read = first_records(scan.head_text(), whole=not scan.beyond_head)
    if not read:
        if scan.text_beyond_head:
            raise UnusableError(f"begins with more than {HEAD:,} bytes of blank lines: no header")
        return replace(found, empty=True)
    record, check = _best(read, contract)
    found = replace(
        found,
        delimiter=record.delimiter,
        header=record.names,
        extra_columns=check.extra,
        absent_columns=check.absent,
        skipped_lines=record.skipped_lines,
        empty=not scan.text_beyond_head and not record.body.strip(" \r\n"),
    )
    if check.problem is not None:
        return replace(found, problem=check.problem)
    if not scan.quoted:
        return found
    try:
        records = read_records(TextBytes(ArrivingFile(file.path, file.limits).chunks()), record.delimiter)
    except UnusableError as unusable:
        return replace(found, problem=str(unusable))
    return replace(found, multiline=records.multiline, newline=_newline(records.newlines))


def _best(read: list[FirstRecord], contract: Contract) -> tuple[FirstRecord, HeaderCheck]:
    """The delimiter that gives a header without a problem, else most of the contract's columns, else most columns."""
    checked = [(record, check_header(record.names, contract)) for record in read]
    return max(checked, key=lambda it: (it[1].problem is None, len(set(it[0].names).intersection(contract.names)), len(it[0].names)))


def _newline(kinds: frozenset[str]) -> str:
    return "mixed" if len(kinds) > 1 else next(iter(kinds), "\n")


class _Scan:
    """What one pass over a text's bytes shows. The header is parsed from `head`, its first bytes (HEAD of them, up to a piece more)."""

    def __init__(self) -> None:
        self.head = b""
        self.encoding = Utf8Check()
        self.quoted = False
        self.beyond_head = False
        self.text_beyond_head = False
        self._feeds = self._returns = self._both = 0
        self._last = b""

    def take(self, chunk: bytes) -> None:
        """Raises UnusableError where the text is not UTF-8."""
        if not self.head:
            refuse_utf16(chunk)
        self.encoding.take(chunk)
        if len(self.head) < HEAD:
            self.head += chunk
        else:
            self.beyond_head = True
            self.text_beyond_head = self.text_beyond_head or bool(chunk.strip(b" \r\n"))
        self.quoted = self.quoted or b'"' in chunk
        self._feeds += chunk.count(b"\n")
        if b"\r" in chunk or self._last == b"\r":
            self._returns += chunk.count(b"\r")
            self._both += chunk.count(b"\r\n") + (self._last == b"\r" and chunk.startswith(b"\n"))
        self._last = chunk[-1:]

    def head_text(self) -> str:
        return codecs.utf_8_decode(self.head, "strict", False)[0]

    def newlines(self) -> frozenset[str]:
        counted = {"\r\n": self._both, "\n": self._feeds - self._both, "\r": self._returns - self._both}
        return frozenset(newline for newline, times in counted.items() if times)
