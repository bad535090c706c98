"""Damaged and hostile workbooks are refused; a fault of the machine is not blamed on the workbook."""

import errno
import os
import signal
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from lakehouse_assets.errors import BadData, LakehouseError, TemporaryOutage
from lakehouse_assets.landing.workbooks import convert as workbooks
from lakehouse_assets.landing.workbooks.convert import WorkbookLimits
from lakehouse_assets_tests.landing.workbooks.raw_workbook import MAIN, row, sheet, write_workbook
from lakehouse_assets_tests.landing.workbooks.support import (
    PRODUCTS,
    Convert,
    refused,
)


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, convert: Convert) -> None:
    path = write_workbook(tmp_path / "book.xlsx", {"S": sheet(row(*PRODUCTS))})
    path.write_bytes(path.read_bytes()[:-200])
    assert "the workbook is cut off or damaged" in refused(convert, path)


def test_a_file_with_bytes_missing_in_the_middle_is_refused(tmp_path: Path, convert: Convert) -> None:
    path = write_workbook(tmp_path / "book.xlsx", {"S": sheet(row(*PRODUCTS))})
    path.write_bytes(path.read_bytes()[:100] + path.read_bytes()[120:])
    assert "the workbook is damaged" in refused(convert, path)


def test_a_sheet_that_is_cut_off_is_refused(tmp_path: Path, convert: Convert) -> None:
    path = write_workbook(tmp_path / "book.xlsx", {"S": sheet(row(*PRODUCTS), row(1, 2, "x", "y"))[:-60]})
    assert "the workbook is damaged" in refused(convert, path)


def test_changed_bytes_in_a_part_are_noticed(tmp_path: Path, convert: Convert) -> None:
    path = tmp_path / "book.xlsx"
    with zipfile.ZipFile(write_workbook(path, {"S": sheet(row(*PRODUCTS))}), "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("xl/sharedStrings.xml", "<good/>")
    path.write_bytes(path.read_bytes().replace(b"<good/>", b"<evil/>"))
    assert "is not what the archive's directory declares" in refused(convert, path)


@pytest.mark.parametrize(
    "content",
    [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"],
    ids=["OLE container", "its magic"],
)
def test_an_encrypted_workbook_and_the_old_format_are_refused(tmp_path: Path, convert: Convert, content: bytes) -> None:
    (tmp_path / "book.xlsx").write_bytes(content)
    assert (
        refused(convert, tmp_path / "book.xlsx")
        == "the workbook is encrypted, or of the old format (.xls): save it as .xlsx without a password"
    )


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PK", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_workbook_is_refused(tmp_path: Path, convert: Convert, content: bytes) -> None:
    (tmp_path / "book.xlsx").write_bytes(content)
    assert refused(convert, tmp_path / "book.xlsx").startswith(
        ("the file is not ", "the file is an empty zip archive", "the workbook is cut off")
    )


def test_an_xlsb_workbook_is_named(tmp_path: Path, convert: Convert) -> None:
    relations = '<Relationships><Relationship Id="r" Type="x/officeDocument" Target="xl/workbook.bin"/></Relationships>'
    write_workbook(tmp_path / "book.xlsx", {}, parts={"_rels/.rels": relations, "xl/workbook.bin": b"\0"})
    assert "a binary workbook (.xlsb): save it as .xlsx" in refused(convert, tmp_path / "book.xlsx")


def test_a_zip_bomb_is_refused_in_bounded_memory(tmp_path: Path, convert: Convert) -> None:
    path = write_workbook(tmp_path / "book.xlsx", {"S": sheet(row(*PRODUCTS), " " * (128 << 20))})
    assert "looks like a zip bomb" in refused(convert, path, WorkbookLimits(memory_bytes=256 << 20))


def test_a_bomb_whose_directory_says_that_it_is_small_is_refused(tmp_path: Path, convert: Convert) -> None:
    path = write_workbook(tmp_path / "book.xlsx", {"S": sheet(row(*PRODUCTS), " " * 1_000_000)})
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    path.write_bytes(path.read_bytes().replace(struct.pack("<L", size), struct.pack("<L", 100)))
    assert "is not what the archive's directory declares" in refused(convert, path)
    assert "unpacks to more than 500,000 bytes" in refused(convert, path, WorkbookLimits(max_bytes=500_000))


def test_a_bomb_that_declares_the_size_and_checksum_of_its_first_bytes_is_refused(
    tmp_path: Path, convert: Convert
) -> None:
    path = write_workbook(tmp_path / "book.xlsx", {"S": sheet(row(*PRODUCTS), " " * 1_000_000)})
    with zipfile.ZipFile(path) as archive:
        part = archive.getinfo("xl/worksheets/sheet1.xml")
        first_bytes = archive.read(part)[:100]
    changed = path.read_bytes()
    for true, declared in ((part.file_size, len(first_bytes)), (part.CRC, zlib.crc32(first_bytes))):
        changed = changed.replace(struct.pack("<L", true), struct.pack("<L", declared))
    path.write_bytes(changed)
    assert "is not what the archive's directory declares" in refused(convert, path)
    assert "unpacks to more than 500,000 bytes" in refused(convert, path, WorkbookLimits(max_bytes=500_000))


def test_many_parts_and_large_files_are_refused_by_the_limits(tmp_path: Path, convert: Convert) -> None:
    path = write_workbook(
        tmp_path / "book.xlsx", {"S": sheet(row(*PRODUCTS))}, parts={f"xl/{n}.xml": "<a/>" for n in range(100)}
    )
    assert "has 106 parts, above the limit of 50" in refused(convert, path, WorkbookLimits(max_parts=50))
    assert "above the limit of 1,000" in refused(convert, path, WorkbookLimits(max_file_bytes=1000))


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"])
def test_billion_laughs_is_refused_in_any_part(tmp_path: Path, convert: Convert, part: str) -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    laughs = (
        f'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY l0 "lol">{entities}]><sst'
        f' xmlns="{MAIN}"><si><t>&l9;</t></si></sst>'
    )
    path = write_workbook(tmp_path / "book.xlsx", {"S": sheet(row(*PRODUCTS))}, parts={part: laughs})
    assert "declares XML entities" in refused(convert, path)


def test_entities_in_utf_16_do_not_slip_through_and_no_sheet_reads_as_empty(tmp_path: Path, convert: Convert) -> None:
    path = write_workbook(tmp_path / "book.xlsx", {"S": sheet(row(*PRODUCTS)).encode("utf-16")})
    assert "sheet1.xml is not UTF-8" in refused(convert, path)


@pytest.mark.parametrize("cell", ["ALL20000", "XFD1048576"], ids=["700 MB", "more than any machine has"])
def test_one_cell_far_away_does_not_take_the_memory(tmp_path: Path, convert: Convert, cell: str) -> None:
    path = write_workbook(
        tmp_path / "book.xlsx", {"S": sheet(row(*PRODUCTS), f'<row><c r="{cell}"><v>1</v></c></row>')}
    )
    assert "bytes of memory, the limit" in refused(convert, path, WorkbookLimits(memory_bytes=512 << 20))


def test_one_long_text_in_all_cells_does_not_fill_the_disk(tmp_path: Path, convert: Convert) -> None:
    shared = f'<sst xmlns="{MAIN}"><si><t>{"x" * 30_000}</t></si></sst>'
    rows = ['<row><c t="s"><v>0</v></c></row>'] * 1_000
    path = write_workbook(
        tmp_path / "book.xlsx", {"S": sheet(row(*PRODUCTS), *rows)}, parts={"xl/sharedStrings.xml": shared}
    )
    assert "more text than the limit" in refused(convert, path, WorkbookLimits(max_bytes=10_000_000))


def test_a_workbook_that_takes_too_long_is_refused(tmp_path: Path, convert: Convert) -> None:
    os.mkfifo(tmp_path / "book.xlsx")  # its reader waits for ever
    assert (
        refused(convert, tmp_path / "book.xlsx", WorkbookLimits(seconds=1))
        == "the workbook takes more than 1 seconds to read, the limit"
    )


def test_a_cell_that_comes_twice_is_damage_not_a_silent_choice(tmp_path: Path, convert: Convert) -> None:
    doubled = ['<row r="2"><c r="A2"><v>1</v></c></row>', '<row r="2"><c r="A2"><v>2</v></c></row>']
    assert "comes twice, or out of order" in refused(
        convert, write_workbook(tmp_path / "book.xlsx", {"S": sheet(row(*PRODUCTS), *doubled)})
    )


@pytest.mark.parametrize(
    "rows",
    [
        [
            '<row r="2"><c r="A2"><v>1</v></c></row>',
            '<row r="2"><c r="A2"><v>2</v></c></row>',
            '<row r="4"><c r="A4"><v>3</v></c></row>',
        ],
        ['<row r="3"><c r="A3"><v>1</v></c></row>', '<row r="2"><c r="A2"><v>2</v></c></row>'],
        ['<row r="2"><c r="A2"><v>1</v></c><c r="A2"><v>2</v></c></row>'],
        ["<row r='2'><c r='A2'><v>1</v></c><c><v>2</v></c><c r='B2'><v>3</v></c></row>"],
        [
            '<row r="3"><c r="A3"><v>1</v></c></row>',
            "<row><c><v>2</v></c></row>",
            '<row r="4"><c r="A4"><v>3</v></c></row>',
        ],
    ],
    ids=[
        "a gap makes up for a row that comes twice",
        "two rows change places",
        "a cell of a row",
        "a cell without a name",
        "a row without a number",
    ],
)
def test_what_comes_twice_is_noticed_where_the_number_of_rows_is_right(
    tmp_path: Path, convert: Convert, rows: list[str]
) -> None:
    assert "comes twice, or out of order" in refused(
        convert, write_workbook(tmp_path / "book.xlsx", {"S": sheet(row(*PRODUCTS), *rows)})
    )


def test_a_part_that_is_said_to_lie_beyond_the_file_is_damage(tmp_path: Path, convert: Convert) -> None:
    path = write_workbook(tmp_path / "book.xlsx", {"S": sheet(row(*PRODUCTS))})
    packed = path.read_bytes()
    entry = packed.index(b"PK\x01\x02")
    name, extra = (int.from_bytes(packed[entry + place : entry + place + 2], "little") for place in (28, 30))
    far = struct.pack("<HHQ", 1, 8, 2**62)
    ends = entry + 46 + name + extra
    header = (
        packed[entry : entry + 30] + struct.pack("<H", extra + len(far)) + packed[entry + 32 : entry + 42] + b"\xff" * 4
    )
    changed = bytearray(packed[:entry] + header + packed[entry + 46 : ends] + far + packed[ends:])
    size = changed.rindex(b"PK\x05\x06") + 12
    changed[size : size + 4] = struct.pack("<I", int.from_bytes(changed[size : size + 4], "little") + len(far))
    path.write_bytes(changed)
    assert "is not where the archive's directory says" in refused(convert, path)


def test_two_parts_of_one_name_are_damage(tmp_path: Path, convert: Convert) -> None:
    path = write_workbook(tmp_path / "book.xlsx", {"S": sheet(row(*PRODUCTS))}, parts={"xl/Workbook.xml": "<other/>"})
    assert "two of its parts have one name" in refused(convert, path)


@pytest.mark.parametrize(
    ("code", "stderr", "kind"),
    [
        (-signal.SIGKILL, "", TemporaryOutage),
        (-signal.SIGTERM, "", TemporaryOutage),
        (-signal.SIGXCPU, "", BadData),
        (-signal.SIGABRT, "memory allocation of 99 bytes failed", BadData),
        (-signal.SIGSEGV, "", BadData),
        (1, "pyo3_runtime.PanicException: index out of bounds", BadData),
        (1, f"OSError: [Errno {errno.ENOSPC}] No space left on device", LakehouseError),
        (1, "KeyError: (3, 2)", BadData),
        (1, "", BadData),
        (1, "python: No module named lakehouse_assets.landing", LakehouseError),
        (1, "ModuleNotFoundError: No module named 'python_calamine'", LakehouseError),
    ],
)
def test_only_what_the_workbook_causes_quarantines_it(code: int, stderr: str, kind: type[LakehouseError]) -> None:
    assert type(workbooks._failure(code, stderr, WorkbookLimits())) is kind


def test_a_folder_that_cannot_be_written_is_not_blamed_on_the_workbook(tmp_path: Path, convert: Convert) -> None:
    path = write_workbook(tmp_path / "book.xlsx", {"S": sheet(row(*PRODUCTS))})
    (tmp_path / "csv" / "sheet_001.csv").mkdir(parents=True)
    with pytest.raises(LakehouseError, match="not because of the workbook: IsADirectoryError") as caught:
        convert(path)
    assert type(caught.value) is LakehouseError
