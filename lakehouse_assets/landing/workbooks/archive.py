"""An .xlsx file is a zip archive of XML parts. This reads the parts with their true sizes, and refuses what is built to
exhaust its reader.

A zip's directory may lie: a bomb declares small parts, a truncated file has no directory, a part may be named twice. So
each XML part is unpacked once here, counted against the limits and checked against the directory, before a reader that
trusts it gets to see the file.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

from lakehouse_assets.errors import BadData
from lakehouse_assets.landing.workbooks.formats import refuse_other_archives, refuse_other_files
from lakehouse_assets.landing.workbooks.judge import CellContext
from lakehouse_assets.landing.workbooks.scan import CHUNK, Part, Scan, whole_cells
from lakehouse_assets.landing.workbooks.styles import Shown, date_styles, ordinary_cell
from lakehouse_assets.landing.workbooks.xml import SpecialCells, read_special_cells

LOCAL_HEADER = 30
CONTENT_TYPES = "[content_types].xml"
USUAL_WORKBOOK, USUAL_SHARED_TEXTS, USUAL_STYLES = "xl/workbook.xml", "xl/sharedstrings.xml", "xl/styles.xml"
SHARED_TEXT = re.compile(rb"<(?:[\w.-]+:)?si[\s/>]")
NO_WORKSHEET = {
    "chartsheet": "a chart sheet",
    "dialogsheet": "a dialog sheet",
    "xlmacrosheet": "a macro sheet",
    "xlintlmacrosheet": "a macro sheet",
}


@dataclass(frozen=True)
class WorkbookLimits:
    """What one workbook may take. `max_bytes` of all its parts unpacked, and of the CSV text written; a bomb is taken
    to be what, above `bomb_from_bytes`, unpacks to more than `max_ratio` times the file (the sheets seen unpack to 5 to
    20 times)."""

    max_file_bytes: int = 1 << 30
    max_bytes: int = 4 << 30
    max_ratio: int = 200
    bomb_from_bytes: int = 64 << 20
    max_parts: int = 10_000
    memory_bytes: int = 2 << 30
    seconds: int = 600


@dataclass(frozen=True)
class ListedSheet:
    """A sheet as the workbook lists it. `part` is None where it has no rows that can be read, for this `reason`."""

    name: str
    hidden: bool
    part: Part | None
    reason: str | None = None


class Archive:
    """The parts of one workbook that its sheets need, checked: the list of sheets, styles, shared texts, and each
    worksheet as it is asked for.

    What no sheet needs (pictures, pivot tables, queries, macros, properties) is not unpacked, here as in calamine: so
    nothing in it can do harm. Raises BadData, with the reason for setting the file aside, if the workbook cannot be
    read safely.
    """

    def __init__(self, path: Path, limits: WorkbookLimits) -> None:
        self._limits = limits
        self._size = path.stat().st_size
        self._unpacked = 0
        self._doubled: set[str] = set()
        self._parts: dict[str, Part] = {}
        self._ordinary: re.Pattern[bytes] | None = None
        self._file = path.open("rb")
        try:
            self._members = self._directory()
            if CONTENT_TYPES in self._members:
                self._part(CONTENT_TYPES)
            self._workbook = self._workbook_part()
            self.shared_texts = self._of_kind("sharedStrings", USUAL_SHARED_TEXTS)
            self.styles = self._of_kind("styles", USUAL_STYLES)
            self.sheets, self.from_1904 = self._listed()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def is_usual(self) -> bool:
        """Whether all parts have the names that calamine expects, so that it reads the same ones as were checked
        here.
        """
        unlike = (self.shared_texts, USUAL_SHARED_TEXTS), (self.styles, USUAL_STYLES)
        return self._workbook == USUAL_WORKBOOK and all(
            name == usual or (name is None and usual not in self._members) for name, usual in unlike
        )

    def second_look(self, part: Part) -> SpecialCells:
        """The cells of a sheet that are read from its XML."""
        return read_special_cells(
            self.chunks(part.name), CellContext(self._date_styles, self._count_of_shared_texts, self.from_1904)
        )

    @cached_property
    def _date_styles(self) -> dict[int, Shown]:
        return date_styles(self._tree(self.styles)) if self.styles else {}

    @cached_property
    def _count_of_shared_texts(self) -> int:
        if self.shared_texts is None:
            return 0
        return sum(len(SHARED_TEXT.findall(piece)) for piece in whole_cells(self.chunks(self.shared_texts)))

    def _listed(self) -> tuple[list[ListedSheet], bool]:
        """The sheets in the workbook's order, and whether its dates count from 1904."""
        root = self._tree(self._workbook)
        properties = next((element for element in root if element.tag.endswith("}workbookPr")), None)
        from_1904 = properties is not None and properties.get("date1904") in ("1", "true", "on")
        self._ordinary = ordinary_cell(self._date_styles)
        targets = self._relations(self._workbook)
        return [self._sheet(element, targets) for element in root.iter() if element.tag.endswith("}sheet")], from_1904

    def _sheet(self, element: ElementTree.Element, targets: dict[str, tuple[str, str]]) -> ListedSheet:
        name, hidden = element.get("name", ""), element.get("state", "visible") != "visible"
        kind, target = targets.get(next((value for key, value in element.items() if key.endswith("}id")), ""), ("", ""))
        if not kind:
            return ListedSheet(
                name,
                hidden,
                None,
                "the workbook lists it and does not say which of its parts it is: save it with Excel again",
            )
        if kind != "worksheet":
            return ListedSheet(
                name, hidden, None, f"{NO_WORKSHEET.get(kind.casefold(), 'a sheet of another kind')}: it has no rows"
            )
        if target not in self._members:
            return ListedSheet(
                name, hidden, None, f"its part {target[:200]} is not in the workbook: save it with Excel again"
            )
        return ListedSheet(name, hidden, self._part(target, self._ordinary))

    def _relations(self, source: str) -> dict[str, tuple[str, str]]:
        """Identifier, kind (the last word of its type) and part of each relation of a part (of the whole package:
        "").
        """
        folder, name = posixpath.split(source)
        return {
            relation.get("Id", ""): (
                relation.get("Type", "").rpartition("/")[2],
                posixpath.normpath(posixpath.join("/", folder, relation.get("Target", ""))).lstrip("/").casefold(),
            )
            for relation in self._tree(posixpath.join(folder, "_rels", f"{name}.rels"))
        }

    def _of_kind(self, kind: str, usual: str) -> str | None:
        """The workbook's part of this kind, checked; or the one that calamine reads because of its name."""
        name = next(
            (target for its_kind, target in self._relations(self._workbook).values() if its_kind == kind), usual
        )
        if usual in self._members:
            self._part(usual)
        return self._part(name).name if name in self._members else None

    def _part(self, name: str, ordinary: re.Pattern[bytes] | None = None) -> Part:
        """A part, checked when it is first asked for."""
        if name not in self._parts:
            self._parts[name] = self._checked(name, ordinary)
        return self._parts[name]

    def chunks(self, name: str) -> Iterator[bytes]:
        """A part's bytes. Each was found good before."""
        return self._inflated(self._members[name])

    def _directory(self) -> dict[str, zipfile.ZipInfo]:
        refuse_other_files(self._file)
        if self._size > self._limits.max_file_bytes:
            raise BadData(f"the workbook has {self._size:,} bytes, above the limit of {self._limits.max_file_bytes:,}")
        try:
            members = zipfile.ZipFile(self._file).infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise BadData(f"the workbook is cut off or damaged: {error}") from error
        if len(members) > self._limits.max_parts:
            raise BadData(f"the workbook has {len(members):,} parts, above the limit of {self._limits.max_parts:,}")
        refuse_other_archives(self._file, members)
        by_name: dict[str, zipfile.ZipInfo] = {}
        for member in members:
            name = member.filename.replace("\\", "/").casefold()
            self._doubled |= {name} if name in by_name else set()
            by_name[name] = member
        return by_name

    def _workbook_part(self) -> str:
        return next(
            (target for kind, target in self._relations("").values() if kind == "officeDocument"), USUAL_WORKBOOK
        )

    def _checked(self, name: str, ordinary: re.Pattern[bytes] | None) -> Part:
        """Unpacks a part once: its size and checksum must be those declared, its text UTF-8 without a DTD."""
        if name not in self._members:
            raise BadData(f"the workbook is damaged: it has no part {name[:200]}")
        if name in self._doubled:
            raise BadData(f"the workbook is damaged: two of its parts have one name, {name[:200]}")
        member = self._members[name]
        tally = _Tally()
        scan = Scan(ordinary)
        for piece in whole_cells(self._counted(name, tally)):
            if b"<!DOCTYPE" in piece or b"<!ENTITY" in piece:
                raise BadData(
                    f"the workbook's part {name} declares XML entities, which no spreadsheet program writes: it is"
                    " refused as an attack"
                )
            scan.take(piece)
        if tally.size != member.file_size or tally.checksum != member.CRC:
            raise BadData(f"the workbook is damaged: its part {name} is not what the archive's directory declares")
        return Part(name, scan.row_tags, scan.suspicious)

    def _counted(self, name: str, tally: _Tally) -> Iterator[bytes]:
        for chunk in self._inflated(self._members[name]):
            if tally.size == 0 and (chunk.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in chunk[:4]):
                raise BadData(f"the workbook's part {name} is not UTF-8: save it with Excel or LibreOffice again")
            tally.size += len(chunk)
            tally.checksum = zlib.crc32(chunk, tally.checksum)
            self._count(len(chunk))
            yield chunk

    def _inflated(self, member: zipfile.ZipInfo) -> Iterator[bytes]:
        """A member's bytes: as many as are really there, not as many as its directory entry declares (which is where
        `zipfile` stops).
        """
        if member.flag_bits & 0x1:
            raise BadData("the workbook is encrypted: save it without a password")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadData(f"the workbook's part {member.filename} is packed by a method that Excel does not use")
        offset = min(max(member.header_offset, 0), self._size)  # below 0 where bytes are missing before the directory
        self._file.seek(offset)
        header = self._file.read(LOCAL_HEADER)
        if not header.startswith(b"PK\x03\x04") or len(header) < LOCAL_HEADER:
            raise BadData(
                f"the workbook is damaged: its part {member.filename} is not where the archive's directory says"
            )
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
            raise BadData(
                f"the workbook is damaged: its part {member.filename} cannot be unpacked ({error})"
            ) from error
        if not inflater.eof:
            raise BadData(f"the workbook is cut off: its part {member.filename} ends in the middle")

    def _count(self, more: int) -> None:
        self._unpacked += more
        if self._unpacked > self._limits.max_bytes:
            raise BadData(f"the workbook unpacks to more than {self._limits.max_bytes:,} bytes, the limit")
        if self._unpacked > self._limits.bomb_from_bytes and self._unpacked > self._limits.max_ratio * self._size:
            raise BadData(
                f"the workbook looks like a zip bomb: its {self._size:,} bytes unpack to more than {self._unpacked:,}"
            )

    def _tree(self, name: str) -> ElementTree.Element:
        try:
            return ElementTree.fromstringlist(list(self.chunks(self._part(name).name)))
        except ElementTree.ParseError as error:
            raise BadData(f"the workbook is damaged: its part {name} is no XML ({error})") from error


@dataclass
class _Tally:
    """Of a part's bytes."""

    size: int = 0
    checksum: int = 0


def _pieces(file: IO[bytes], place: int, size: int) -> Iterator[bytes]:
    while size > 0:
        file.seek(place)  # another reading of the same file may have moved it
        piece = file.read(min(CHUNK, size))
        if not piece:
            return
        place += len(piece)
        size -= len(piece)
        yield piece
