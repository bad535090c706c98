import datetime as dt
from dataclasses import replace
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse_assets.landing.workbooks.convert import convert_workbook
from lakehouse_assets_tests.landing.workbooks.raw_workbook import MAIN, row, sheet, text_cell, write_workbook
from lakehouse_assets_tests.landing.workbooks.support import (
    CONTRACTS,
    ORDERS,
    PRODUCTS,
    REAL,
    Convert,
    ConvertOne,
    lines,
)


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


def test_a_fourth_dataset_is_routed_to_by_its_contract_alone(tmp_path: Path) -> None:
    products = CONTRACTS["products"]
    renamed = tuple(replace(column, name=f"r_{column.name}") for column in products.columns)
    contracts = type(CONTRACTS)((*CONTRACTS.in_load_order, replace(products, dataset="returns", columns=renamed)))
    path = write_workbook(
        tmp_path / "book.xlsx", {"S": sheet(row(*(column.name for column in renamed)), row(1, 2, "x", "y"))}
    )
    (only,) = convert_workbook(path, contracts, tmp_path / "csv")
    assert (only.dataset, only.rows) == ("returns", 1)
