"""An .xlsx file is a zip archive of XML parts. This reads the parts with their true sizes, and refuses what is built to exhaust its reader.

A zip's directory may lie: a bomb declares small parts, a truncated file has no directory, a part may be named twice. So each XML part is
unpacked once here, counted against the limits and checked against the directory, before a reader that trusts it gets to see the file.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

from lakehouse_assets.errors import BadData

CHUNK = 1 << 18
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
LOCAL_HEADER = 30
ROW_NUMBER = re.compile(rb"""<row\b[^<>]*?\sr=["'](\d{1,9})["']""")
CELL_NAME = re.compile(rb"""<c\b[^<>]*?\sr=["']([A-Z]{1,3}\d{1,9})["']""")


@dataclass(frozen=True)
class WorkbookLimits:
    """What one workbook may take. `max_bytes` of all its parts unpacked, and of the CSV text written; a bomb is taken to be what, above
    `bomb_from_bytes`, unpacks to more than `max_ratio` times the file (the sheets seen unpack to 5 to 20 times)."""

    max_file_bytes: int = 1 << 30
    max_bytes: int = 4 << 30
    max_ratio: int = 200
    bomb_from_bytes: int = 64 << 20
    max_parts: int = 10_000
    memory_bytes: int = 2 << 30
    seconds: int = 600


@dataclass(frozen=True)
class Part:
    """A sheet's XML part, as one pass over its bytes shows it. `suspicious`: it may hold a formula or an error value, or a row or a cell twice."""

    name: str
    row_tags: int
    suspicious: bool


class Archive:
    """The parts of one workbook, checked. Raises BadData, with the reason for setting the file aside, if it cannot be read safely."""

    def __init__(self, path: Path, limits: WorkbookLimits) -> None:
        self._limits = limits
        self._size = path.stat().st_size
        self._unpacked = 0
        self._file = path.open("rb")
        try:
            self._members = self._directory()
            self._parts = {name: self._checked(name) for name in self._members if name.endswith((".xml", ".rels"))}
            self._workbook = self._workbook_part()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def sheet_parts(self) -> list[Part | None]:
        """The part of each sheet in the workbook's order; None where it is no worksheet (a chart sheet)."""
        worksheets = self._relations(self._workbook, "/worksheet")
        listed = [element for element in self._tree(self._workbook).iter() if element.tag.endswith("}sheet")]
        relation_ids = [next((value for name, value in element.items() if name.endswith("}id")), "") for element in listed]
        return [self._parts[self._known(worksheets[each])] if each in worksheets else None for each in relation_ids]

    def _relations(self, source: str, kind: str) -> dict[str, str]:
        """Identifier and part of those relations of a part (of the whole package: "") whose type ends with `kind`."""
        folder, name = posixpath.split(source)
        relations = self._tree(posixpath.join(folder, "_rels", f"{name}.rels"))
        return {
            relation.get("Id", ""): posixpath.normpath(posixpath.join("/", folder, relation.get("Target", ""))).lstrip("/").casefold()
            for relation in relations
            if relation.get("Type", "").endswith(kind)
        }

    def _known(self, name: str) -> str:
        if name not in self._parts:
            raise BadData(f"the workbook is damaged: it has no part {name[:200]}")
        return name

    def chunks(self, name: str) -> Iterator[bytes]:
        """A part's bytes. Each was found good when the archive was opened."""
        return self._inflated(self._members[name])

    def _directory(self) -> dict[str, zipfile.ZipInfo]:
        magic = self._file.read(len(OLE_MAGIC))
        if magic == OLE_MAGIC:
            raise BadData("the workbook is encrypted, or of the old format (.xls): save it as .xlsx without a password")
        if not magic.startswith(b"PK"):
            raise BadData("the file is no Excel workbook (.xlsx): its content is no zip archive")
        if self._size > self._limits.max_file_bytes:
            raise BadData(f"the workbook has {self._size:,} bytes, above the limit of {self._limits.max_file_bytes:,}")
        try:
            members = zipfile.ZipFile(self._file).infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise BadData(f"the workbook is cut off or damaged: {error}") from error
        if len(members) > self._limits.max_parts:
            raise BadData(f"the workbook has {len(members):,} parts, above the limit of {self._limits.max_parts:,}")
        by_name = {member.filename.replace("\\", "/").casefold(): member for member in members}
        if len(by_name) < len(members):
            raise BadData("the workbook is damaged: two of its parts have one name")
        return by_name

    def _workbook_part(self) -> str:
        if "_rels/.rels" not in self._parts:
            raise BadData("the file is no .xlsx workbook but a zip archive of something else")
        name = next(iter(self._relations("", "/officeDocument").values()), "")
        if name.endswith(".bin"):
            raise BadData("the file is a binary workbook (.xlsb): save it as .xlsx")
        return self._known(name)

    def _checked(self, name: str) -> Part:
        """Unpacks a part once: its size and checksum must be those declared, its text UTF-8 without a DTD."""
        member = self._members[name]
        size = checksum = row_tags = 0
        suspicious = False
        carried = b""
        places = _Places()
        for chunk in self._inflated(member):
            if size == 0 and (chunk.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in chunk[:4]):
                raise BadData(f"the workbook's part {name} is not UTF-8: save it with Excel or LibreOffice again")
            size += len(chunk)
            checksum = zlib.crc32(chunk, checksum)
            self._count(len(chunk))
            # What is looked for begins with '<' and is short: carrying the last, unfinished tag over finds it across two chunks.
            text = carried + chunk
            tag = text.rfind(b"<")
            whole, carried = (text[:tag], text[tag:]) if tag >= 0 else (text, b"")
            if len(carried) > CHUNK:
                whole, carried = text, b""
            if b"<!DOCTYPE" in whole or b"<!ENTITY" in whole:
                raise BadData(f"the workbook's part {name} declares XML entities, which no spreadsheet program writes: it is refused as an attack")
            row_tags += _tags(whole, b"row")
            suspicious = suspicious or any(mark in whole for mark in (b"<f", b":f", b'"e"', b"'e'")) or places.may_repeat(whole)
        if size != member.file_size or checksum != member.CRC:
            raise BadData(f"the workbook is damaged: its part {name} is not what the archive's directory declares")
        return Part(name, row_tags, suspicious)

    def _inflated(self, member: zipfile.ZipInfo) -> Iterator[bytes]:
        """A member's bytes: as many as are really there, not as many as its directory entry declares (which is where `zipfile` stops)."""
        if member.flag_bits & 0x1:
            raise BadData("the workbook is encrypted: save it without a password")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadData(f"the workbook's part {member.filename} is packed by a method that Excel does not use")
        offset = min(max(member.header_offset, 0), self._size)  # below 0 where bytes are missing before the directory
        self._file.seek(offset)
        header = self._file.read(LOCAL_HEADER)
        if not header.startswith(b"PK\x03\x04") or len(header) < LOCAL_HEADER:
            raise BadData(f"the workbook is damaged: its part {member.filename} is not where the archive's directory says")
        names = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        place = offset + LOCAL_HEADER + names
        stored = _pieces(self._file, place, member.compress_size)
        if member.compress_type == zipfile.ZIP_STORED:
            yield from stored
            return
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            for piece in stored:
                packed = piece
                while packed and not inflater.eof:
                    yield inflater.decompress(packed, CHUNK)
                    packed = inflater.unconsumed_tail
            yield inflater.flush()
        except zlib.error as error:
            raise BadData(f"the workbook is damaged: its part {member.filename} cannot be unpacked ({error})") from error
        if not inflater.eof:
            raise BadData(f"the workbook is cut off: its part {member.filename} ends in the middle")

    def _count(self, more: int) -> None:
        self._unpacked += more
        if self._unpacked > self._limits.max_bytes:
            raise BadData(f"the workbook unpacks to more than {self._limits.max_bytes:,} bytes, the limit")
        if self._unpacked > self._limits.bomb_from_bytes and self._unpacked > self._limits.max_ratio * self._size:
            raise BadData(f"the workbook looks like a zip bomb: its {self._size:,} bytes unpack to more than {self._unpacked:,}")

    def _tree(self, name: str) -> ElementTree.Element:
        try:
            return ElementTree.fromstringlist(list(self.chunks(self._known(name))))
        except ElementTree.ParseError as error:
            raise BadData(f"the workbook is damaged: its part {name} is no XML ({error})") from error


class _Places:
    """The numbers of a sheet's rows and the names of its cells, piece by piece. Of two with one name calamine keeps the last."""

    def __init__(self) -> None:
        self._row = 0
        self._cells: set[bytes] = set()

    def may_repeat(self, piece: bytes) -> bool:
        """Whether a row or a cell may stand twice: rows that do not rise, a name that came before in this piece or the last, or some that have none."""
        rows = [int(number) for number in ROW_NUMBER.findall(piece)]
        cells = CELL_NAME.findall(piece)
        before, self._cells = self._cells, set(cells)
        rising = all(row < following for row, following in pairwise([self._row, *rows]))
        self._row = rows[-1] if rows else self._row
        some_without = 0 < len(rows) < _tags(piece, b"row") or 0 < len(cells) < _tags(piece, b"c")
        return some_without or not rising or len(self._cells) < len(cells) or not before.isdisjoint(self._cells)


def _tags(piece: bytes, name: bytes) -> int:
    return piece.count(b"<" + name + b" ") + piece.count(b"<" + name + b">")


def _pieces(file: IO[bytes], place: int, size: int) -> Iterator[bytes]:
    while size > 0:
        file.seek(place)  # another reading of the same file may have moved it
        piece = file.read(min(CHUNK, size))
        if not piece:
            return
        place += len(piece)
        size -= len(piece)
        yield piece
