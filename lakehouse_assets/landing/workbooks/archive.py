"""Reads and checks the parts of an .xlsx file, which is a zip archive of XML parts, and refuses archives that are built
to exhaust their reader.

The directory of a zip archive may be false: a bomb declares small parts, a truncated file has no directory, two parts
may have one name. So each XML part is unpacked once here, counted against the limits and compared with the directory,
before calamine, which trusts it, reads the file.
"""

from __future__ import annotations

import posixpath
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO
from xml.etree import ElementTree

from lakehouse_assets.errors import BadData
from lakehouse_assets.landing.workbooks.cell_check import CellContext
from lakehouse_assets.landing.workbooks.formats import refuse_other_archives, refuse_other_files
from lakehouse_assets.landing.workbooks.scan import CHUNK, Part, Scan, whole_cells
from lakehouse_assets.landing.workbooks.styles import Shown, date_styles, ordinary_cell
from lakehouse_assets.landing.workbooks.xml import SpecialCells, read_special_cells

ENCRYPTED = 0x1
"""A bit of a member's flags."""
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
    """The resources that one workbook may use. `max_bytes`: of all its parts unpacked, and of the CSV text written. A
    workbook counts as a bomb if it unpacks to more than `bomb_from_bytes` and to more than `max_ratio` times its size.
    (Real workbooks unpack to 5 to 20 times their size.)"""

    max_file_bytes: int = 1 << 30
    max_bytes: int = 4 << 30
    max_ratio: int = 200
    bomb_from_bytes: int = 64 << 20
    max_parts: int = 10_000
    memory_bytes: int = 2 << 30
    seconds: int = 600


@dataclass(frozen=True)
class ListedSheet:
    """A sheet in the workbook's list. `part` is None if it has no rows that can be read; `reason` says why."""

    name: str
    hidden: bool
    part: Part | None
    reason: str | None = None


class Archive:
    """The checked parts of one workbook that its sheets need: the list of sheets, styles, shared texts and worksheets.

    Neither this class nor calamine unpacks other parts (pictures, pivot tables, queries, macros, properties), so they
    can do no harm. Raises BadData, with the reason to quarantine the file, if the workbook cannot be read safely.
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
            self._zip = self._open_zip()
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
        """Whether all parts have the names that calamine expects. Then it reads the parts that were checked here."""
        unlike = (self.shared_texts, USUAL_SHARED_TEXTS), (self.styles, USUAL_STYLES)
        return self._workbook == USUAL_WORKBOOK and all(
            name == usual or (name is None and usual not in self._members) for name, usual in unlike
        )

    def special_cells(self, part: Part) -> SpecialCells:
        """The cells of a sheet that have to be read from its XML."""
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
        """The sheets in the workbook's order, and whether its dates are counted from 1904."""
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
                "the workbook lists it but does not say which of its parts it is: save it with Excel again",
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
        """The relations of a part ("" for the whole package): by identifier, the kind (the last word of the type) and
        the part that it points to.
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
        """The workbook's part of this kind, checked, or None. The part with the usual name is checked too, because
        calamine reads it.
        """
        name = next(
            (target for its_kind, target in self._relations(self._workbook).values() if its_kind == kind), usual
        )
        if usual in self._members:
            self._part(usual)
        return self._part(name).name if name in self._members else None

    def _part(self, name: str, ordinary: re.Pattern[bytes] | None = None) -> Part:
        """A part; it is checked on the first call."""
        if name not in self._parts:
            self._parts[name] = self._checked(name, ordinary)
        return self._parts[name]

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yields a part's bytes, all that its compressed data hold. Raises BadData if they cannot be unpacked, or if
        they do not have the checksum that the archive's directory declares.
        """
        with self._open_part(self._members[name]) as part:
            try:
                while chunk := part.read(CHUNK):
                    yield chunk
            except EOFError as error:
                raise BadData(f"the workbook is cut off: its part {name} ends in the middle") from error
            except zipfile.BadZipFile as error:
                raise _undeclared(name) from error
            except zlib.error as error:
                raise BadData(f"the workbook is damaged: its part {name} cannot be unpacked ({error})") from error

    def _open_part(self, member: zipfile.ZipInfo) -> IO[bytes]:
        if member.flag_bits & ENCRYPTED:
            raise BadData("the workbook is encrypted: save it without a password")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadData(f"the workbook's part {member.filename} is packed by a method that Excel does not use")
        # zipfile reads no further than the declared size, but calamine does: a bomb may declare the size and the
        # checksum of its first bytes. With the largest size declared, zipfile reads a part to its true end.
        whole = copy(member)
        whole.file_size = sys.maxsize
        try:
            if 0 <= member.header_offset < self._size:
                return self._zip.open(whole)
            cause = None
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            cause = error
        raise BadData(
            f"the workbook is damaged: its part {member.filename} is not where the archive's directory says"
        ) from cause

    def _open_zip(self) -> zipfile.ZipFile:
        refuse_other_files(self._file)
        if self._size > self._limits.max_file_bytes:
            raise BadData(f"the workbook has {self._size:,} bytes, above the limit of {self._limits.max_file_bytes:,}")
        try:
            return zipfile.ZipFile(self._file)
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise BadData(f"the workbook is cut off or damaged: {error}") from error

    def _directory(self) -> dict[str, zipfile.ZipInfo]:
        members = self._zip.infolist()
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
        """Unpacks a part once. Its size and checksum must be the declared ones, and its text UTF-8 without a DTD."""
        if name not in self._members:
            raise BadData(f"the workbook is damaged: it has no part {name[:200]}")
        if name in self._doubled:
            raise BadData(f"the workbook is damaged: two of its parts have one name, {name[:200]}")
        size = 0
        scan = Scan(ordinary)
        for piece in whole_cells(self._counted(name)):
            if b"<!DOCTYPE" in piece or b"<!ENTITY" in piece:
                raise BadData(
                    f"the workbook's part {name} declares XML entities, which no spreadsheet program writes: it is"
                    " refused as an attack"
                )
            scan.take(piece)
            size += len(piece)
        if size != self._members[name].file_size:
            raise _undeclared(name)
        return Part(name, scan.row_tags, scan.suspicious)

    def _counted(self, name: str) -> Iterator[bytes]:
        first = True
        for chunk in self.chunks(name):
            if first and (chunk.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in chunk[:4]):
                raise BadData(f"the workbook's part {name} is not UTF-8: save it with Excel or LibreOffice again")
            first = False
            self._count(len(chunk))
            yield chunk

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
            raise BadData(f"the workbook is damaged: its part {name} is not XML ({error})") from error


def _undeclared(name: str) -> BadData:
    return BadData(f"the workbook is damaged: its part {name} is not what the archive's directory declares")
