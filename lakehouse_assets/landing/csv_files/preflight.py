"""Preflight: checks one file before an engine reads it, and finds those that no engine could read correctly.

On Latin-1, half a gzip file or an unclosed quote, an engine may guess, skip rows or stop the whole batch. So each file
is streamed in bounded memory: once, at the disk's speed, and if it has quotes, blank rows or nameless columns, a second
time, record by record (`records`).
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lakehouse_assets.contracts import Contract
from lakehouse_assets.contracts.encodings import UTF_8
from lakehouse_assets.landing.column_names import named_width, shown
from lakehouse_assets.landing.csv_files.blanks import BlankRows
from lakehouse_assets.landing.csv_files.dialect import Dialect
from lakehouse_assets.landing.csv_files.encoding import Utf8Check, as_utf_8, refuse_utf16
from lakehouse_assets.landing.csv_files.first_records import DELIMITERS, HEAD, FirstRecord, first_records
from lakehouse_assets.landing.csv_files.header import find_header, taken_for_header, titles_problem
from lakehouse_assets.landing.csv_files.records import Records, read_records
from lakehouse_assets.landing.csv_files.unpacking import ArrivingFile, Limits, TextBytes, UnusableError
from lakehouse_assets.landing.routing import HeaderCheck, Route, check_header, missing, route, shared

__all__ = ["Limits", "Preflight", "UnusableError", "first_records_of", "preflight", "route_file"]


@dataclass(frozen=True)
class Preflight:
    """The findings about one file. If there is a `problem`, the file is quarantined unread, and of the other fields
    only `sha256` and `size` are certain.

    problem: the reason, worded to follow the file's name ("is not UTF-8: …"). It names columns and positions, never a
        row's values.
    empty: no bytes, only blank lines, or a header without rows.
    dialect: how the file is written. (In a file without a header, `dialect.header` holds a row's values.)
    extra_columns, absent_columns: columns that the contract does not know; optional columns that the file lacks.
    newline: the line end: "\\n", "\\r\\n", "\\r" or "mixed".
    sha256, size: of the bytes as they arrived.
    padded: zeros follow the gzip content, or are between its members.
    header_lines: the number of lines of the header: a quoted name may hold a line break.
    notes: what was left out, or read differently from how it is written; each becomes a warning in the report.
    rows_aside: the number of rows of a file with a problem: records below the header, or lines if the records cannot
        be read; None if the text cannot be read.
    """

    problem: str | None = None
    empty: bool = False
    dialect: Dialect = field(default_factory=lambda: Dialect(quoted=False, multiline=False))
    extra_columns: tuple[str, ...] = ()
    absent_columns: tuple[str, ...] = ()
    newline: str = "\n"
    sha256: str = ""
    size: int = 0
    padded: bool = False
    header_lines: int = 1
    notes: tuple[str, ...] = ()
    rows_aside: int | None = None


def preflight(
    path: Path,
    contract: Contract,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    contracts: Mapping[str, Contract] | None = None,
    name: str = "",
    encoding: str = "utf-8",
) -> Preflight:
    """Reads a CSV file, gzipped or not, and finds out whether and how an engine can read it by the contract. Never
    raises for a file's content.

    contracts: all datasets; name: the file's own name. Both serve to recognise a file of another dataset. encoding: as
    the contract declares it.
    """
    file = ArrivingFile(path, limits)
    found = Preflight()
    try:
        found = _read(file, contract, contracts or {contract.dataset: contract}, name, encoding)
    except UnusableError as unusable:
        found = replace(found, problem=str(unusable))
    file.finish()
    found = replace(found, padded=file.padded, sha256=file.sha256, size=file.size)
    return _written(found, compression=file.compression, regular=_is_regular(found), encoding=encoding)


def _written(found: Preflight, **dialect: Any) -> Preflight:
    """The findings with these facts of the dialect."""
    return replace(found, dialect=replace(found.dialect, **dialect))


def _is_regular(found: Preflight) -> bool:
    return (
        not found.padded
        and found.newline in ("", "\n", "\r\n")
        and not found.dialect.skipped_lines
        and found.header_lines == 1
    )


def _in_utf_8(file: ArrivingFile, encoding: str) -> Iterator[bytes]:
    return file.chunks() if encoding == UTF_8 else as_utf_8(file.chunks(), encoding)


def route_file(path: Path, contracts: Mapping[str, Contract], name: str = "") -> Route | None:
    """The dataset that a file is for, by its first bytes and its name; None if it is empty.

    A file that is not UTF-8 is read in the encoding that a contract declares for all files of its dataset, if it is for
    that dataset.

    Raises UnusableError, with the reason, if these bytes are not text that could have a header.
    """
    try:
        return _route(path, contracts, name, UTF_8)
    except UnusableError:
        declared = {dataset: contract.encoding_of("") for dataset, contract in contracts.items()}
        for encoding in sorted({*declared.values()} - {UTF_8}):
            with suppress(UnusableError):
                found = _route(path, contracts, name, encoding)
                if found and declared.get(found.candidate or "") == encoding:
                    return found
        raise


def _route(path: Path, contracts: Mapping[str, Contract], name: str, encoding: str) -> Route | None:
    read = first_records_of(path, encoding)
    if not read:
        return None
    header = find_header(read, lambda cells: contracts.get(route(cells, contracts, name=name).candidate or ""))
    found = route(header.cells, contracts, name=name)
    return replace(found, reason=f"{found.reason} {taken_for_header(header)}") if found.reason else found


def first_records_of(path: Path, encoding: str = UTF_8) -> list[list[FirstRecord]]:
    """The first records of a file, once for each delimiter with which they can be read. Raises UnusableError as
    `route_file` does.
    """
    scan = _Scan()
    for chunk in _in_utf_8(ArrivingFile(path, Limits()), encoding):
        scan.take(chunk)
        if len(scan.head) >= HEAD:
            break
    return first_records(scan.head_text(), whole=len(scan.head) < HEAD)


def _read(
    file: ArrivingFile, contract: Contract, contracts: Mapping[str, Contract], name: str, encoding: str
) -> Preflight:
    scan = _Scan()
    for chunk in _in_utf_8(file, encoding):
        scan.take(chunk)
    scan.finish()
    found = Preflight(dialect=Dialect(quoted=scan.quoted, multiline=False), newline=_newline(scan.newlines()))
    read = first_records(scan.head_text(), whole=not scan.beyond_head)
    if not read:
        if scan.text_beyond_head:
            raise UnusableError(f"begins with more than {HEAD:,} bytes of blank lines: no header")
        return replace(found, empty=True)
    header = find_header(read, lambda _: contract)
    check = check_header(header.cells, contract, contracts, name)
    found = replace(
        found,
        extra_columns=check.extra,
        absent_columns=check.absent,
        header_lines=header.end - header.skipped_lines,
        empty=not scan.text_beyond_head and header.nothing_below,
    )
    found = _written(found, header=check.names, delimiter=header.delimiter, skipped_lines=header.skipped_lines)
    problem = check.problem or titles_problem(header, contract)
    if check.problem and missing(header.cells, contract):
        problem = f"{problem} {taken_for_header(header)}"
    named = named_width(header.cells)
    if (
        problem is None
        and named == len(header.cells)
        and not scan.quoted
        and not scan.blank_rows.found
        and found.newline in ("\n", "\r\n")
    ):
        return replace(found, notes=_notes(header, check, 0))
    try:
        records = read_records(
            TextBytes(_in_utf_8(ArrivingFile(file.path, file.limits), encoding)),
            header.delimiter,
            header.skipped_lines,
            named,
            len(header.cells),
        )
    except UnusableError as unusable:
        return replace(
            found, problem=problem or str(unusable), rows_aside=max(0, scan.lines() - header.skipped_lines - 1)
        )
    found = replace(found, newline=_newline(records.newlines), empty=records.rows == 0)
    found = _written(found, multiline=records.multiline)
    if problem is not None:
        return replace(found, problem=problem, rows_aside=records.rows + (not shared(header.cells, contract)))
    return _without_nameless_end(replace(found, notes=_notes(header, check, records.blank_rows)), named, records)


def _without_nameless_end(found: Preflight, named: int, records: Records) -> Preflight:
    """The findings without the nameless columns at the header's end, if no row has a value there."""
    if records.beyond:
        return found
    kept = found.dialect.header[:named]
    found = replace(found, extra_columns=tuple(column for column in found.extra_columns if column in kept))
    return _written(found, header=kept)


def _notes(header: FirstRecord, check: HeaderCheck, blank_rows: int) -> tuple[str, ...]:
    notes = []
    if header.above:
        skipped = "1 row above it was" if header.skipped_lines == 1 else f"{header.skipped_lines} rows above it were"
        notes.append(f"the header is in row {header.row}; {skipped} skipped")
    if check.respelled:
        taken = ", ".join(f'"{shown(text)}" for {column}' for text, column in check.respelled)
        notes.append(f"columns known by another spelling: {taken}")
    if blank_rows:
        notes.append(f"blank rows, left out: {blank_rows:,}")
    return tuple(notes)


def _newline(kinds: frozenset[str]) -> str:
    return "mixed" if len(kinds) > 1 else next(iter(kinds), "\n")


class _Scan:
    """The facts that one pass over a text's bytes shows. The header is parsed from `head`: its first HEAD bytes, and up
    to a chunk more.
    """

    def __init__(self) -> None:
        self.head = b""
        self.encoding = Utf8Check()
        self.blank_rows = BlankRows("".join(DELIMITERS))
        self.quoted = False
        self.beyond_head = False
        self.text_beyond_head = False
        self._feeds = self._returns = self._both = 0
        self._last = b""

    def take(self, chunk: bytes) -> None:
        """Raises UnusableError if the text is not UTF-8."""
        if not self.head:
            refuse_utf16(chunk)
        self.encoding.take(chunk)
        self.blank_rows.take(chunk)
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

    def finish(self) -> None:
        """Raises UnusableError if the text ends in the middle of a character."""
        self.encoding.finish()
        self.blank_rows.finish()

    def lines(self) -> int:
        return self._feeds + self._returns - self._both + (self._last not in (b"", b"\n", b"\r"))

    def head_text(self) -> str:
        return codecs.utf_8_decode(self.head, "strict", False)[0]

    def newlines(self) -> frozenset[str]:
        counted = {"\r\n": self._both, "\n": self._feeds - self._both, "\r": self._returns - self._both}
        return frozenset(newline for newline, times in counted.items() if times)
