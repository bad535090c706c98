"""Recognises formats that are not CSV by a file's first bytes. Each is quarantined with its name and what to do."""

from __future__ import annotations

import re

HEAD = 1024
"""The number of bytes that are needed. A tar archive's mark is at 257."""
GZIP_MAGIC = b"\x1f\x8b"
TAR_MARK = slice(257, 262)
BY_MAGIC = (
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an Excel workbook of the old format (.xls) or one with a password, not CSV: save it as .xlsx for uploads/",
    ),
    (GZIP_MAGIC, "gzip inside gzip: unpack it once"),
    (b"BZh", "bzip2, not CSV: unpack it first, or pack it with gzip"),
    (b"\xfd7zXZ\0", "xz, not CSV: unpack it first, or pack it with gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd, not CSV: unpack it first, or pack it with gzip"),
    (b"\x04\x22\x4d\x18", "lz4, not CSV: unpack it first, or pack it with gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive, not CSV: unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive, not CSV: unpack it first"),
    (b"PAR1", "a Parquet file, not CSV: convert it first"),
    (b"Obj\x01", "an Avro file, not CSV: convert it first"),
    (b"%PDF-", "a PDF document, not CSV: export the table from where it comes from"),
)  # fmt: skip
JSON = re.compile(rb'\s*(?:\{\s*["}]|\[\s*[{\[\]])')
"""A bracket alone does not mean JSON: some headers are written `[order_id],[date]`."""


def foreign_format(head: bytes) -> str | None:
    """The format of a file and what to do, worded to follow 'is'; None if it may be text."""
    if head[TAR_MARK] == b"ustar":
        return "a tar archive, not CSV: unpack it first"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip(head)
    for magic, what in BY_MAGIC:
        if head.startswith(magic):
            return what
    if head.startswith(b"ORC") and any(byte < 9 for byte in head[3:64]):
        return "an ORC file, not CSV: convert it first"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<"):
        return _markup(text)
    return "JSON, not CSV: convert it first" if JSON.match(text) else None


def _zip(head: bytes) -> str:
    if b"opendocument.spreadsheet" in head:
        return "an OpenDocument spreadsheet (.ods), not CSV: save it as .xlsx and put it under uploads/"
    if b"xl/" in head or b"[Content_Types].xml" in head:
        return "an Excel workbook, not CSV: put it under uploads/"
    return "a zip archive, not CSV: unpack it first"


def _markup(text: bytes) -> str | None:
    if b"urn:schemas-microsoft-com:office:spreadsheet" in text or b'progid="excel.sheet"' in text:
        return "a spreadsheet in XML (Excel 2003), not CSV: open it in Excel and save it as .xlsx"
    if text.startswith(b"<!doctype html") or re.search(rb"<(?:html|head|meta|body|table)\b", text):
        return "an HTML page, not CSV: open it in Excel and save it as .xlsx, or export CSV"
    return "XML, not CSV: convert it first" if text.startswith(b"<?xml") else None
