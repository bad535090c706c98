"""Copies one sheet into a workbook of its own, without the parts that calamine misreads or fails on. It serves sheets
that calamine cannot read as they are.
"""

from __future__ import annotations

import zipfile
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from lakehouse_assets.landing.workbooks.archive import Archive
from lakehouse_assets.landing.workbooks.xml import Cut, SpecialCells

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATIONS = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>'
RELATION = '<Relationship Id="{0}" Type="' + OFFICE + '/{0}" Target="{1}"/>'
FRAME = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    "_rels/.rels": RELATIONS.format(RELATION.format("officeDocument", "xl/workbook.xml")),
    "xl/_rels/workbook.xml.rels": RELATIONS.format(
        RELATION.format("worksheet", "worksheets/sheet1.xml")
        + RELATION.format("styles", "styles.xml")
        + RELATION.format("sharedStrings", "sharedStrings.xml")
    ),
}
WORKBOOK = (
    f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><workbookPr date1904="{{}}"/><sheets><sheet name="S" sheetId="1"'
    ' r:id="worksheet"/></sheets></workbook>'
)


def write_copy(archive: Archive, sheet: str, special: SpecialCells, target: Path) -> Path:
    """Writes the copy of the sheet's part to `target`: its rows, styles and shared texts."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as copy:
        for name, content in (FRAME | {"xl/workbook.xml": WORKBOOK.format(int(archive.from_1904))}).items():
            copy.writestr(name, content)
        for name, part in (("xl/styles.xml", archive.styles), ("xl/sharedStrings.xml", archive.shared_texts)):
            if part is not None:
                _write(copy, name, archive.chunks(part))
        cuts = sorted(chain(special.around, special.misread), key=lambda cut: cut.start)
        _write(copy, "xl/worksheets/sheet1.xml", _without(archive.chunks(sheet), cuts))
    return target


def _write(copy: zipfile.ZipFile, name: str, chunks: Iterable[bytes]) -> None:
    with copy.open(name, "w", force_zip64=True) as part:
        for chunk in chunks:
            part.write(chunk)


def _without(chunks: Iterable[bytes], cuts: Iterable[Cut]) -> Iterator[bytes]:
    """The bytes with each cut replaced. The cuts are in order and do not overlap."""
    place = kept_from = 0
    pending = deque(cuts)
    for chunk in chunks:
        end = place + len(chunk)
        while pending and pending[0].start < end:
            cut = pending.popleft()
            yield chunk[max(kept_from - place, 0) : cut.start - place]
            yield cut.by
            kept_from = cut.end
        yield chunk[max(kept_from - place, 0) :]
        place = end
