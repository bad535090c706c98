"""A file of another format under the name of a CSV file is quarantined, and the reason says what it is."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable

import pytest

from lakehouse_assets_tests.landing.csv_files.support import (
    GOOD,
    HEADER,
    ROW,
    Look,
    problem,
)


def packed(pack: Callable[[zipfile.ZipFile], None]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        pack(file)
    return archive.getvalue()


def tar(*files: bytes) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as file:
        for place, content in enumerate(files):
            member = tarfile.TarInfo(f"products-{place}.csv")
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return archive.getvalue()


TAR = tar(b"," + GOOD, b"," + GOOD)
XML = b'<?xml version="1.0"?>\n'
FORMATS = {
    "workbook": (
        packed(lambda file: file.writestr("xl/workbook.xml", "")),
        "an Excel workbook, not CSV: put it under uploads/",
    ),
    "zip": (packed(lambda file: file.writestr("products.csv", GOOD)), "a zip archive, not CSV: unpack it first"),
    "empty zip": (packed(lambda _: None), "a zip archive, not CSV: unpack it first"),
    "ods": (
        packed(lambda file: file.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")),
        "an OpenDocument spreadsheet (.ods), not CSV: save it as .xlsx and put it under uploads/",
    ),
    "xls": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        "an Excel workbook of the old format (.xls) or one with a password",
    ),
    "tar": (TAR, "a tar archive, not CSV: unpack it first"),
    "tar in gzip": (gzip.compress(TAR), "a tar archive, not CSV: unpack it first"),
    "tar in gzip members": (
        gzip.compress(TAR[:100]) + gzip.compress(TAR[100:]),
        "a tar archive, not CSV: unpack it first",
    ),
    "gzip in gzip": (gzip.compress(gzip.compress(GOOD)), "gzip inside gzip: unpack it once"),
    "bzip2": (bz2.compress(GOOD), "bzip2, not CSV: unpack it first, or pack it with gzip"),
    "xz": (lzma.compress(GOOD), "xz, not CSV: unpack it first, or pack it with gzip"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\x58" + GOOD, "zstd, not CSV: unpack it first, or pack it with gzip"),
    "lz4": (b"\x04\x22\x4d\x18" + GOOD, "lz4, not CSV: unpack it first, or pack it with gzip"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4" + bytes(60), "a 7z archive, not CSV: unpack it first"),
    "rar": (b"Rar!\x1a\x07\x01\0", "a RAR archive, not CSV: unpack it first"),
    "Parquet": (b"PAR1\x15\x04", "a Parquet file, not CSV: convert it first"),
    "Avro": (b"Obj\x01\x04\x14avro.codec", "an Avro file, not CSV: convert it first"),
    "ORC": (b"ORC\n\x0b\n\x03\0\0", "an ORC file, not CSV: convert it first"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3", "a PDF document, not CSV"),
    "HTML": (
        b"\n<html><body><table><tr><th>product_id</th></tr></table></body></html>",
        "an HTML page, not CSV: open it in Excel",
    ),
    "HTML with a mark": (b"\xef\xbb\xbf<!DOCTYPE html>\n", "an HTML page, not CSV: open it in Excel"),
    "table": (b'<table border="1"><tr><td>product_id', "an HTML page, not CSV: open it in Excel"),
    "Excel 2003": (
        XML
        + b'<?mso-application progid="Excel.Sheet"?>\n<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">',
        "a spreadsheet in XML (Excel 2003), not CSV: open it in Excel and save it as .xlsx",
    ),
    "XML": (XML + b"<products/>", "XML, not CSV: convert it first"),
    "JSON": (b'[\n  {"product_id": 1}]', "JSON, not CSV: convert it first"),
    "JSON lines": (b'{"product_id": 1}\n{"product_id": 2}\n', "JSON, not CSV: convert it first"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_another_format_under_a_csv_name_says_what_it_is_and_what_to_do(look: Look, name: str) -> None:
    content, what = FORMATS[name]
    assert problem(look(content)).startswith(f"is {what}")
    assert look(content).rows_aside is None


@pytest.mark.parametrize("header", [b"[product_id]", b"ORC", b"<product_id>", b"{product_id}", b"BZ"])
def test_a_header_that_begins_like_another_format_is_one(look: Look, header: bytes) -> None:
    assert look(HEADER + b"," + header + b"\n" + ROW + b",\n").problem is None
    assert look(header + b"," + HEADER + b"\n," + ROW + b"\n").problem is None
