import csv
import datetime as dt
import errno
import os
import signal
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.errors import BadData, LakehouseError, TemporaryOutage
from lakehouse_assets.landing.names import safe_name
from lakehouse_assets.landing.workbooks import convert as workbooks
from lakehouse_assets.landing.workbooks.convert import Sheet, WorkbookLimits, convert_workbook
from lakehouse_assets_tests.landing.workbooks.raw_workbook import MAIN, row, sheet, text_cell, write_workbook

CONTRACTS = read_contracts()
PRODUCTS = list(CONTRACTS["products"].names)
ORDERS = list(CONTRACTS["orders"].names)
REAL = Path(__file__).parents[4] / "shared" / "data" / "april_2025"

Convert = Callable[..., tuple[Sheet, ...]]
ConvertOne = Callable[..., Sheet]


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    def convert(path: Path, limits: WorkbookLimits = WorkbookLimits()) -> tuple[Sheet, ...]:  # noqa: B008
        return convert_workbook(path, CONTRACTS, tmp_path / "csv", limits)

    return convert


@pytest.fixture
def convert_rows(tmp_path: Path, convert: Convert) -> ConvertOne:
    """A workbook of one sheet, written by openpyxl."""

    def convert_rows(*rows: list[Any]) -> Sheet:
        book = openpyxl.Workbook()
        for cells in rows:
            book.active.append(cells)
        book.save(tmp_path / "book.xlsx")
        (only,) = convert(tmp_path / "book.xlsx")
        return only

    return convert_rows


@pytest.fixture
def convert_xml(tmp_path: Path, convert: Convert) -> ConvertOne:
    """A workbook of one sheet, of this XML."""

    def convert_xml(*rows: str, **options: Any) -> Sheet:
        (only,) = convert(write_workbook(tmp_path / "book.xlsx", {"S": sheet(*rows)}, **options))
        return only

    return convert_xml


def lines(converted: Sheet) -> list[list[str]]:
    assert converted.csv is not None
    with converted.csv.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def refused(convert: Convert, path: Path, limits: WorkbookLimits = WorkbookLimits()) -> str:  # noqa: B008
    with pytest.raises(BadData) as caught:
        convert(path, limits)
    return str(caught.value)


@pytest.mark.skipif(not REAL.exists(), reason="the real data is not here")
@pytest.mark.parametrize(("dataset", "rows"), [("orders", 7_500), ("order_items", 40_803)])
def test_the_real_workbooks_convert_whole(convert: Convert, dataset: str, rows: int) -> None:
    sheets = convert(REAL / f"{dataset}_apr_2025.xlsx")
    assert [converted.name for converted in sheets] == [f"2025-04-{day:02}" for day in range(1, 16)]
    assert {converted.dataset for converted in sheets} == {dataset}
    assert sum(converted.rows for converted in sheets) == rows == sum(len(lines(converted)) - 1 for converted in sheets)


@pytest.mark.skipif(not REAL.exists(), reason="the real data is not here")
def test_a_real_sheet_has_the_values_that_another_reader_sees(convert: Convert) -> None:
    path = REAL / "orders_apr_2025.xlsx"
    seen = openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets[3].iter_rows(values_only=True)
    assert lines(convert(path)[3]) == [[str(value) for value in cells] for cells in seen]


def test_every_sheet_is_accounted_for_in_the_workbooks_order(tmp_path: Path, convert: Convert) -> None:
    book = openpyxl.Workbook()
    book.active.title = "2025-04-02"
    book.active.append(PRODUCTS)
    book.active.append([1, 2, "Books", "Atlas"])
    book.create_sheet("empty")
    book.create_sheet("notes").append(["hello", "world"])
    book.create_sheet("half").append(PRODUCTS[:-1])
    hidden = book.create_sheet("hidden")
    hidden.append(ORDERS)
    hidden.append([1, 10000, 7, "2025-04-01T11:27:00", 9.5, "2025-04-01"])
    hidden.sheet_state = "veryHidden"
    book.create_chartsheet("chart")
    book.create_sheet("2025-04-01").append(list(reversed(PRODUCTS)))
    book.save(tmp_path / "book.xlsx")

    sheets = convert(tmp_path / "book.xlsx")

    told = [(s.index, s.name, s.hidden, s.dataset, s.rows) for s in sheets]
    assert told == [
        (0, "2025-04-02", False, "products", 1),
        (1, "empty", False, None, 0),
        (2, "notes", False, None, 1),
        (3, "half", False, None, 0),
        (4, "hidden", True, "orders", 1),
        (5, "chart", False, None, 0),
        (6, "2025-04-01", False, "products", 0),
    ]
    assert [s.reason for s in sheets] == [
        None,
        "empty sheet",
        f"no dataset has these columns (the datasets: {', '.join(CONTRACTS)}); the header must be the first filled row",
        (
            "row 1 was taken for the header: no dataset has these columns; the closest is products, without:"
            " product_name; the header must be the first filled row"
        ),
        None,
        "a chart sheet: it has no rows",
        None,
    ]
    assert [s.csv is not None for s in sheets] == [s.dataset is not None for s in sheets]
    assert lines(sheets[6]) == [list(reversed(PRODUCTS))]


def test_numbers_are_written_as_the_cell_has_them(convert_xml: ConvertOne) -> None:
    numbers = [
        "90",
        "229.53",
        "0.1",
        "1E-7",
        "1e22",
        "9007199254740993",
        "-12345678901234567890",
        "1.5E3",
        "-0",
        "1E400",
        "0.30000000000000004",
    ]
    converted = convert_xml(row(*PRODUCTS), *(row(f"<c><v>{number}</v></c>", 1, "x", "y") for number in numbers))
    assert [cells[0] for cells in lines(converted)[1:]] == [
        "90", "229.53", "0.1", "1e-07", "10000000000000000000000", "9007199254740993", "-12345678901234567890", "1500", "0", "1E400", "0.30000000000000004",
    ]  # fmt: skip


def test_texts_are_written_as_they_are(convert_rows: ConvertOne) -> None:
    texts = ["  spaces  ", "two\nlines", "a,b", 'the "quote"', "ünïcode 🎈 עברית e\u0301", "007", "1.0", "tab\there"]
    converted = convert_rows(PRODUCTS, *([1, 2, "x", text] for text in texts))
    assert [cells[3] for cells in lines(converted)[1:]] == texts


def test_a_text_that_looks_like_a_formula_and_a_carriage_return_are_kept(convert_xml: ConvertOne) -> None:
    converted = convert_xml(row(*PRODUCTS), row(1, 2, "=HYPERLINK(1)", "a_x000D_b"))
    assert lines(converted)[1] == ["1", "2", "=HYPERLINK(1)", "a\rb"]


def test_the_file_is_utf_8_with_line_feeds_and_the_normalised_header_first(convert_rows: ConvertOne) -> None:
    converted = convert_rows(
        ["\ufeffPRODUCT_ID", " department_id ", "Department", "product_name"], [1, 2, "Bücher", "Atlas"]
    )
    assert converted.csv is not None
    assert converted.csv.read_bytes() == "product_id,department_id,department,product_name\n1,2,Bücher,Atlas\n".encode()


def test_booleans_and_times_are_written_in_words_and_iso_8601(convert_rows: ConvertOne) -> None:
    converted = convert_rows(PRODUCTS, [True, False, dt.time(1, 2, 3), dt.timedelta(hours=30, minutes=5)])
    assert lines(converted)[1] == ["TRUE", "FALSE", "01:02:03", "PT30H5M0S"]


def test_a_date_is_a_timestamp_in_a_timestamp_column_and_a_day_elsewhere_and_a_text_stays(
    convert_rows: ConvertOne,
) -> None:
    order = dict.fromkeys(ORDERS, 1)
    midnight, noon, day = dt.datetime(2025, 4, 1), dt.datetime(2025, 4, 1, 11, 27), dt.date(2025, 4, 1)
    converted = convert_rows(
        ORDERS,
        *(
            list((order | {"order_timestamp": value, "date": value}).values())
            for value in (midnight, noon, day, "2025-04-01")
        ),
    )
    written = [dict(zip(ORDERS, cells, strict=True)) for cells in lines(converted)[1:]]
    assert [cells["order_timestamp"] for cells in written] == [
        "2025-04-01T00:00:00",
        "2025-04-01T11:27:00",
        "2025-04-01T00:00:00",
        "2025-04-01",
    ]
    assert [cells["date"] for cells in written] == ["2025-04-01", "2025-04-01T11:27:00", "2025-04-01", "2025-04-01"]


def test_dates_of_the_1904_calendar_are_read_by_it(convert_xml: ConvertOne) -> None:
    cells = row(1, 2, "x", '<c s="1"><v>44286.5</v></c>')
    assert (
        lines(convert_xml(row(*PRODUCTS), cells, properties='date1904="1"', formats=(0, 22)))[1][3]
        == "2025-04-01T12:00:00"
    )


def test_merged_cells_have_their_value_in_the_first_one_only(tmp_path: Path, convert: Convert) -> None:
    book = openpyxl.Workbook()
    for cells in (PRODUCTS, [1, 2, "Books", "Atlas"], [2, 2, "Toys", "Globe"]):
        book.active.append(cells)
    book.active.merge_cells("C2:C3")
    book.save(tmp_path / "book.xlsx")
    assert lines(convert(tmp_path / "book.xlsx")[0])[1:] == [["1", "2", "Books", "Atlas"], ["2", "2", "", "Globe"]]


def test_a_formula_gives_its_saved_value(convert_xml: ConvertOne) -> None:
    converted = convert_xml(
        row(*PRODUCTS),
        row("<c><f>1+1</f><v>2</v></c>", 3, '<c t="str"><f>A1</f><v>Books</v></c>', '<c t="str"><f>""</f><v></v></c>'),
    )
    assert lines(converted) == [PRODUCTS, ["2", "3", "Books", ""]]


def test_a_formula_without_a_saved_value_makes_its_row_a_reject(convert_rows: ConvertOne) -> None:
    converted = convert_rows(PRODUCTS, [1, 2, "Books", "Atlas"], [2, "=A3*2", "Books", "=C3"])
    assert lines(converted) == [
        [*PRODUCTS, "_malformed"],
        ["1", "2", "Books", "Atlas", ""],
        [
            "2",
            "",
            "Books",
            "",
            "cell B3: a formula without a saved value (=A3*2); cell D3: a formula without a saved value (=C3)",
        ],
    ]


def test_a_row_of_nothing_but_a_formula_without_a_value_is_a_row(convert_xml: ConvertOne) -> None:
    converted = convert_xml(row(*PRODUCTS), row(1, 2, "x", "y"), '<row r="7"><c r="AB7"><f>1</f></c></row>')
    assert (converted.rows, converted.skipped_blank_rows) == (2, 4)
    assert lines(converted)[2] == ["", "", "", "", "cell AB7: a formula without a saved value (=1)"]


def test_an_error_value_makes_its_row_a_reject_and_stays_as_its_raw_value(convert_xml: ConvertOne) -> None:
    converted = convert_xml(
        row(*PRODUCTS),
        row(1, '<c t="e"><v>#N/A</v></c>', "x", '<c t="e"><f>1/0</f><v>#DIV/0!</v></c>'),
        row(2, 2, "x", "y"),
    )
    assert lines(converted)[1:] == [
        ["1", "#N/A", "x", "#DIV/0!", "cell B2: #N/A, an error value; cell D2: #DIV/0!, an error value (=1/0)"],
        ["2", "2", "x", "y", ""],
    ]


def test_a_header_that_is_a_formula_without_a_value_is_named(convert_rows: ConvertOne) -> None:
    assert (
        convert_rows([*PRODUCTS[:-1], "=A1"], [1, 2, "x", "y"]).reason
        == "the header cannot be read: cell D1: a formula without a saved value (=A1)"
    )


def test_blank_rows_are_no_rows_wherever_they_stand(convert_rows: ConvertOne) -> None:
    converted = convert_rows([], [None, " "], PRODUCTS, [], [1, 2, "x", "y"], ["", "  "], [2, 2, "x", "y"])
    assert (converted.rows, converted.skipped_blank_rows, len(lines(converted))) == (2, 4, 3)


def test_a_table_that_begins_in_another_column_is_read(convert_xml: ConvertOne) -> None:
    header = "".join(
        f'<c r="{column}3" t="str"><v>{name}</v></c>' for column, name in zip("CDEF", PRODUCTS, strict=True)
    )
    cells = (
        '<c r="C4"><v>9007199254740993</v></c><c r="D4" t="e"><v>#REF!</v></c><c r="E4" t="str"><v>x</v></c><c r="F4"'
        ' t="str"><v>y</v></c>'
    )
    converted = convert_xml(f'<row r="3">{header}</row>', f'<row r="4">{cells}</row>')
    assert lines(converted) == [
        [*PRODUCTS, "_malformed"],
        ["9007199254740993", "#REF!", "x", "y", "cell D4: #REF!, an error value"],
    ]
    assert converted.skipped_blank_rows == 2


def test_cells_beyond_the_header_make_the_row_longer_than_it_unless_they_are_blank(convert_rows: ConvertOne) -> None:
    converted = convert_rows(PRODUCTS, [1, 2, "x", "y", None, "more", " "], [2, 2, "x", "y", "", " "])
    assert lines(converted) == [PRODUCTS, ["1", "2", "x", "y", "", "more"], ["2", "2", "x", "y"]]


def test_a_column_without_a_name_is_left_out_if_blank_and_else_named_by_its_place(convert_rows: ConvertOne) -> None:
    header = [PRODUCTS[0], None, *PRODUCTS[1:3], None, PRODUCTS[3]]
    assert lines(convert_rows(header, [1, None, 2, "x", " ", "y"])) == [PRODUCTS, ["1", "2", "x", "y"]]
    named = convert_rows(header, [1, None, 2, "x", None, "y"], [1, None, 2, "x", "note", "y"])
    assert lines(named) == [
        [*PRODUCTS[:3], "column_5", PRODUCTS[3]],
        ["1", "2", "x", "", "y"],
        ["1", "2", "x", "note", "y"],
    ]


def test_a_repeated_name_leaves_the_sheet_out_and_is_named(convert_rows: ConvertOne) -> None:
    assert convert_rows([*PRODUCTS, "Department "]).reason == "the header has more than one column named: department"


def test_the_reserved_column_cannot_be_brought_along(convert_rows: ConvertOne) -> None:
    reason = convert_rows([*PRODUCTS, "_malformed"], [1, 2, "x", "y", "z"]).reason
    assert reason == "the header uses the reserved name _malformed: rename the column"


def test_a_very_long_sheet_name_and_one_with_slashes_change_nothing_in_the_folder(
    tmp_path: Path, convert: Convert
) -> None:
    convert(
        write_workbook(
            tmp_path / "book.xlsx", {"../../x" * 50: sheet(row(*PRODUCTS)), "a/b\0".strip("\0"): sheet(row(*PRODUCTS))}
        )
    )
    assert sorted(path.name for path in (tmp_path / "csv").iterdir()) == ["sheet_001.csv", "sheet_002.csv"]


def test_shared_and_rich_texts_prefixes_and_names_of_any_case_are_read(tmp_path: Path, convert: Convert) -> None:
    shared = (
        f'<sst xmlns="{MAIN}">'
        + "".join(f"<si><t>{name}</t></si>" for name in PRODUCTS)
        + "<si><r><t>At</t></r><r><t>las</t></r></si></sst>"
    )
    header = "".join(f'<x:c t="s"><x:v>{place}</x:v></x:c>' for place in range(4))
    content = (
        "<x:worksheet"
        f' xmlns:x="{MAIN}"><x:sheetData><x:row>{header}</x:row><x:row><x:c><x:v>1</x:v></x:c><x:c><x:f>1</x:f></x:c><x:c'
        ' t="s"><x:v>4</x:v></x:c></x:row></x:sheetData></x:worksheet>'
    )
    (only,) = convert(write_workbook(tmp_path / "any.name", {"S": content}, parts={"xl/sharedStrings.xml": shared}))
    assert lines(only)[1] == ["1", "", "Atlas", "", "cell B2: a formula without a saved value (=1)"]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.lists(
            st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cn"]), max_size=8),
            min_size=4,
            max_size=4,
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_texts_come_out_as_they_went_in(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    folder = tmp_path_factory.mktemp("texts")
    texts = [[text.replace("_x", "x") for text in cells] for cells in rows]  # "_x000D_" stands for a carriage return
    path = write_workbook(
        folder / "book.xlsx", {"S": sheet(row(*PRODUCTS), *(row(*map(text_cell, cells)) for cells in texts))}
    )
    (only,) = convert_workbook(path, CONTRACTS, folder / "csv")
    assert lines(only)[1:] == [cells for cells in texts if "".join(cells).strip()]
    assert only.rows + only.skipped_blank_rows == len(rows)


# What is refused


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


# What is the machine's fault is not the workbook's


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


def test_a_fourth_dataset_is_routed_to_by_its_contract_alone(tmp_path: Path) -> None:
    products = CONTRACTS["products"]
    renamed = tuple(replace(column, name=f"r_{column.name}") for column in products.columns)
    contracts = type(CONTRACTS)((*CONTRACTS.in_load_order, replace(products, dataset="returns", columns=renamed)))
    path = write_workbook(
        tmp_path / "book.xlsx", {"S": sheet(row(*(column.name for column in renamed)), row(1, 2, "x", "y"))}
    )
    (only,) = convert_workbook(path, contracts, tmp_path / "csv")
    assert (only.dataset, only.rows) == ("returns", 1)


# Names for keys


@pytest.mark.parametrize(
    "name", ["2025-04-01", "Orders (2)", "Bücher 2025", "заказы", "注文", "a.b_c-d", "e\u0301te\u0301"]
)
def test_a_harmless_name_is_kept(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../../etc/passwd",
        "a/b",
        "a\\b",
        "a\nb",
        "\0",
        "_hidden",
        ".hidden",
        "a..b",
        "x" * 500,
        "é" * 100,
        " a",
        "a.",
        "date=1",
        "\u202eabc",
    ],
)
def test_any_other_name_is_made_safe_and_marked_with_a_hash(name: str) -> None:
    safe = safe_name(name)
    assert safe != name
    assert safe
    assert len(safe.encode()) <= 120
    assert ".." not in safe
    assert not safe.startswith((".", "_", " "))
    assert not set(safe) & set("/\\\n\0=\u202e")
    assert safe == safe_name(name)


@given(st.lists(st.text(max_size=6), min_size=2, max_size=6, unique=True))
def test_two_names_never_become_one(names: list[str]) -> None:
    every = {*names, *(safe_name(name) for name in names)}
    assert len({safe_name(name) for name in every}) == len(every)
