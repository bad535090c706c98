"""Recognises files that look like a workbook but are not, by their content, and says what to do about each."""

from __future__ import annotations

import mmap
import zipfile
from collections.abc import Sequence
from typing import IO

from lakehouse_assets.errors import BadData

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
OLE_STREAMS = {
    "EncryptedPackage": "the workbook is encrypted: save it as .xlsx without a password",
    "WordDocument": "the file is a Word document (.doc): put its table into a workbook and save that as .xlsx",
    "PowerPoint Document": "the file is a presentation (.ppt): put its table into a workbook and save that as .xlsx",
    "__properties_version1.0": "the file is an Outlook message (.msg): save the file that is attached to it",
    "Workbook": (
        "the file is a workbook of the old format (.xls): open it with Excel or LibreOffice and save it as .xlsx"
    ),
    "Book": "the file is a workbook of the old format (.xls): open it with Excel or LibreOffice and save it as .xlsx",
}
"""By the name of a stream in an OLE file; the names are in UTF-16. A Word document may contain a workbook, so its own
stream comes first.
"""
OTHER_OLE = "the workbook is encrypted, or of the old format (.xls): save it as .xlsx without a password"
MIMETYPE_BYTES = 200
OPEN_DOCUMENT = b"application/vnd.oasis.opendocument."
ODS = "the file is an OpenDocument spreadsheet (.ods): open it with LibreOffice or Excel and save it as .xlsx"
XLSB = "the file is a binary workbook (.xlsb): save it as .xlsx"
OTHER_PACKAGES = {
    "word/document.xml": "the file is a Word document (.docx): put its table into a workbook and save that as .xlsx",
    "ppt/presentation.xml": "the file is a presentation (.pptx): put its table into a workbook and save that as .xlsx",
    "index/document.iwa": "the file is a Numbers, Pages or Keynote document: export it as Excel (.xlsx) or CSV",
    "index.zip": "the file is a Numbers, Pages or Keynote document: export it as Excel (.xlsx) or CSV",
}
PACKAGE_RELATIONS = "_rels/.rels"


def refuse_other_files(file: IO[bytes]) -> None:
    """Raises BadData if the file is not a zip archive; otherwise leaves it at its start."""
    magic = file.read(len(OLE_MAGIC))
    file.seek(0)
    if magic == OLE_MAGIC:
        raise BadData(_of_ole(file))
    if not magic.startswith(b"PK"):
        raise BadData("the file is not an Excel workbook (.xlsx): its content is not a zip archive")


def _of_ole(file: IO[bytes]) -> str:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return next(
            (words for stream, words in OLE_STREAMS.items() if content.find(_as_in_directory(stream)) >= 0), OTHER_OLE
        )


def _as_in_directory(stream: str) -> bytes:
    """A name with the zero that ends it in the directory."""
    return f"{stream}\0".encode("utf-16-le")


def refuse_other_archives(file: IO[bytes], members: Sequence[zipfile.ZipInfo]) -> None:
    """Raises BadData for a zip archive that is not an Office package, or a package that is not an .xlsx workbook."""
    names = [member.filename.replace("\\", "/").casefold() for member in members]
    present = set(names)
    if "mimetype" in present and OPEN_DOCUMENT in _mimetype(file, members):
        raise BadData(
            ODS
            if b"opendocument.spreadsheet" in _mimetype(file, members)
            else "the file is an OpenDocument file, not a workbook: save its table as .xlsx"
        )
    for name, words in OTHER_PACKAGES.items():
        if name in present:
            raise BadData(words)
    if "xl/workbook.bin" in present:
        raise BadData(XLSB)
    if PACKAGE_RELATIONS not in present:
        raise BadData(_of_plain_archive(names))


def _mimetype(file: IO[bytes], members: Sequence[zipfile.ZipInfo]) -> bytes:
    """The start of the member `mimetype`, which OpenDocument stores uncompressed."""
    member = next(member for member in members if member.filename.casefold() == "mimetype")
    file.seek(max(member.header_offset, 0))
    return file.read(MIMETYPE_BYTES)


def _of_plain_archive(names: Sequence[str]) -> str:
    files = [name for name in names if not name.endswith("/")]
    loadable = sum(name.endswith((".csv", ".tsv", ".txt", ".csv.gz", ".xlsx", ".xlsm")) for name in files)
    if not files:
        return "the file is an empty zip archive, not a workbook"
    if loadable:
        return (
            f"the file is a zip archive of {len(files):,} files ({loadable:,} of them CSV or .xlsx), not a workbook:"
            " unpack it and upload what is in it"
        )
    return (
        "the file is a zip archive of something else, not an .xlsx workbook: unpack it and upload the CSV or .xlsx"
        " files in it"
    )
