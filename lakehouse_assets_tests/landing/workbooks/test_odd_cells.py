"""Cells of which calamine makes something else than the file holds: their rows are rejects, with what stands in the
cell.
"""

import csv
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.landing.workbooks.archive import Archive, WorkbookLimits
from lakehouse_assets.landing.workbooks.convert import convert_workbook
from lakehouse_assets_tests.landing.workbooks.raw_workbook import MAIN, row, sheet, write_workbook

CONTRACTS = read_contracts()
PRODUCTS = list(CONTRACTS["products"].names)
GENERAL, MOMENT, DAY, TIME, DURATION = range(5)
FORMATS = (0, 22, 14, 21, 46)
TEXTS = {"xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"><si/><si><t>first</t></si></sst>'}
NOT_A_NUMBER = "not a finite number"
NOT_A_DATE = "not a date from 1900 to 9999"
NO_SHARED_TEXT = "a shared text that the workbook does not have"
MARKUP = "a value with markup in it"
TWO_VALUES = "more than one value"
MORE = "more than a value"

ConvertCells = Callable[..., list[list[str]]]


def number(value: str, style: int = GENERAL) -> str:
    return f'<c s="{style}"><v>{value}</v></c>'


def named_row(place: int, *cells: str) -> str:
    """A row as spreadsheet programs write it: each cell has its name."""
    named = (cell.replace("<c", f'<c r="{column}{place}"', 1) for column, cell in zip("ABCD", cells, strict=True))
    return f'<row r="{place}">{"".join(named)}</row>'


def texts(*values: str) -> list[str]:
    return [f'<c t="str"><v>{value}</v></c>' for value in values]


@pytest.fixture
def convert_cells(tmp_path: Path) -> ConvertCells:
    """The last field and the reason of each row; the rows hold the cells in their last column."""

    def convert_cells(cells: Sequence[str], **options: Any) -> list[list[str]]:
        rows = [
            named_row(place, number("1"), number("2"), *texts("x"), cell) for place, cell in enumerate(cells, start=2)
        ]
        book = write_workbook(
            tmp_path / "book.xlsx",
            {"S": sheet(named_row(1, *texts(*PRODUCTS)), *rows)},
            formats=FORMATS,
            parts=TEXTS,
            **options,
        )
        (only,) = convert_workbook(book, CONTRACTS, tmp_path / "csv")
        assert only.csv is not None
        with only.csv.open(encoding="utf-8", newline="") as file:
            return [fields[3:] for fields in csv.reader(file, strict=True)][1:]

    return convert_cells


REJECTED = [
    (number("NaN", MOMENT), "NaN", NOT_A_NUMBER),
    (number("-INF", DAY), "-INF", NOT_A_NUMBER),
    (number("inf"), "inf", NOT_A_NUMBER),
    (number("2025-04-01", DAY), "2025-04-01", NOT_A_NUMBER),
    ("<c><v> 12 </v></c>", " 12 ", NOT_A_NUMBER),
    ('<c t="n"><v>hello</v></c>', "hello", NOT_A_NUMBER),
    (number("0", DAY), "0", NOT_A_DATE),
    (number("0.5", MOMENT), "0.5", NOT_A_DATE),
    (number("-0.5", MOMENT), "-0.5", NOT_A_DATE),
    (number("-45748", DAY), "-45748", NOT_A_DATE),
    (number("2958466", DAY), "2958466", NOT_A_DATE),
    (number("1e20", MOMENT), "1e20", NOT_A_DATE),
    (number("60", DAY), "60", "29 February 1900, a day that never existed"),
    (number("60.5", MOMENT), "60.5", "29 February 1900, a day that never existed"),
    (number("1.5", TIME), "1.5", "not a time of day"),
    (number("1e15", DURATION), "1e15", "too long for a duration"),
    ('<c t="d"><v>1899-12-30</v></c>', "1899-12-30", NOT_A_DATE),
    ('<c t="d"><v>soon</v></c>', "soon", NOT_A_DATE),
    ('<c t="b"><v>2</v></c>', "2", "not a boolean value"),
    ('<c t="s"><v>2</v></c>', "2", NO_SHARED_TEXT),
    ('<c t="s"><v>-1</v></c>', "-1", NO_SHARED_TEXT),
    ('<c t="s"><v>first</v></c>', "first", NO_SHARED_TEXT),
    ('<c t="e"><v>#SPILL!</v></c>', "#SPILL!", "an unknown error value"),
    ('<c t="odd"><v>1</v></c>', "1", "a type that workbooks do not have"),
    ('<c t="inlineStr"><is><t>x</t></is><v>7</v></c>', "x7", TWO_VALUES),
    ("<c><v>7</v><is><t>x</t></is></c>", "7x", TWO_VALUES),
    ("<c><v>7</v><v>8</v></c>", "78", TWO_VALUES),
    ('<c t="inlineStr"><v>7</v></c>', "7", "a value that is not its text"),
    ('<c t="b"><is><t>1</t></is></c>', "1", "a text where its type is another"),
    ("<c>12</c>", "12", MORE),
    ('<c t="inlineStr"><is>abc</is></c>', "abc", MORE),
    ("<c><v>3</v><extLst><ext/></extLst></c>", "3", MORE),
    ("<c><v>1<!-- one --><!-- two -->2</v></c>", "12", MARKUP),
    ("<c><v>&#49;2</v></c>", "12", MARKUP),
    ('<c t="str"><v><![CDATA[a]]></v></c>', "a", MARKUP),
]


def test_a_cell_that_holds_no_number_text_or_date_makes_its_row_a_reject_with_what_it_holds(
    convert_cells: ConvertCells,
) -> None:
    converted = convert_cells([cell for cell, _, _ in REJECTED])
    assert converted == [[raw, f"cell D{place}: {reason}"] for place, (_, raw, reason) in enumerate(REJECTED, start=2)]


def test_a_cell_that_is_whole_is_read_beside_those_that_are_not(convert_cells: ConvertCells) -> None:
    whole = {
        number("1", DAY): "1900-01-01",
        number("59", DAY): "1900-02-28",
        number("61", DAY): "1900-03-01",
        number("2958465", DAY): "9999-12-31",
        number("45748.5", MOMENT): "2025-04-01T12:00:00",
        number("0", TIME): "00:00:00",
        number("0.5", TIME): "12:00:00",
        number("-1.5", DURATION): "-PT36H0M0S",
        number("-1"): "-1",
        '<c t="d"><v>2025-04-01</v></c>': "2025-04-01",
        '<c t="d"><v>2025-04-01T11:27:00Z</v></c>': "2025-04-01T11:27:00Z",
        '<c t="b"><v>true</v></c>': "TRUE",
        '<c t="s"><v>0</v></c>': "",
        '<c t="s"><v>1</v></c>': "first",
        "<c><is><t>x</t></is></c>": "x",
        '<c t="inlineStr"><is><t>a</t><rPh sb="0" eb="1"><t>reading</t></rPh></is></c>': "a",
        '<c t="str"><v/></c>': "",
        "<c/>": "",
    }
    converted = convert_cells([number("NaN", MOMENT), *whole])
    assert converted == [["NaN", f"cell D2: {NOT_A_NUMBER}"], *([text, ""] for text in whole.values())]


def test_by_the_calendar_from_1904_the_first_day_cannot_be_told_and_later_ones_can(convert_cells: ConvertCells) -> None:
    not_a_date = "not a date from 1904 to 9999"
    assert convert_cells([number("0", DAY), number("60", DAY), number("2957004", DAY)], properties='date1904="1"') == [
        ["0", f"cell D2: {not_a_date}"],
        ["1904-03-01", ""],
        ["2957004", f"cell D4: {not_a_date}"],
    ]


@pytest.mark.parametrize(
    ("code", "cell", "text"),
    [
        ('"day "0', "0", "0"),
        ("[Red]0.00;\\d0", "-1", "-1"),
        ("0_d", "0", "0"),
        ("General", "60", "60"),
    ],
    ids=["quoted", "a colour, escaped", "the width of a letter", "general"],
)
def test_a_letter_that_a_format_only_shows_makes_no_date_of_a_number(
    tmp_path: Path, code: str, cell: str, text: str
) -> None:
    """The row has the cell alone in doubt, next to one that gets the sheet its second look."""
    escaped = code.replace('"', "&quot;")
    styles = (
        f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="170" formatCode="{escaped}"/></numFmts><cellXfs><xf'
        ' numFmtId="170"/></cellXfs></styleSheet>'
    )
    parts = TEXTS | {"xl/styles.xml": styles}
    book = write_workbook(
        tmp_path / "formats.xlsx",
        {"S": sheet(row(*PRODUCTS), row(1, number("NaN"), "x", number(cell)))},
        parts=parts,
    )
    (only,) = convert_workbook(book, CONTRACTS, tmp_path / "csv")
    assert only.csv is not None
    assert only.csv.read_text(encoding="utf-8").splitlines()[1] == f"1,NaN,x,{text},cell B2: {NOT_A_NUMBER}"


def test_a_row_of_nothing_but_an_odd_cell_is_a_row(tmp_path: Path) -> None:
    rows = [
        named_row(1, *texts(*PRODUCTS)),
        '<row r="2"><c r="A2"><v>NaN</v></c></row>',
        '<row r="3"><c r="A3"><v>inf</v></c></row>',
    ]
    (only,) = convert_workbook(write_workbook(tmp_path / "book.xlsx", {"S": sheet(*rows)}), CONTRACTS, tmp_path / "csv")
    assert (only.rows, only.skipped_blank_rows) == (2, 0)


def test_a_sheet_as_programs_write_it_needs_no_second_look(tmp_path: Path) -> None:
    """The second look takes three times the first."""
    ordinary = [
        number("45748.5", MOMENT),
        number("2", GENERAL),
        '<c t="s"><v>1</v></c>',
        '<c t="inlineStr"><is><t>a &amp; b</t></is></c>',
    ]
    others = [number("0.5", TIME), '<c t="b"><v>1</v></c>', '<c s="1"/>', '<c t="n"><v>-1.5E-7</v></c>']
    book = write_workbook(
        tmp_path / "book.xlsx", {"S": sheet(named_row(1, *ordinary), named_row(2, *others))}, formats=FORMATS
    )
    with Archive(book, WorkbookLimits()) as archive:
        assert [listed.part.suspicious for listed in archive.sheets if listed.part] == [False]


def test_a_cell_that_lies_across_two_pieces_of_the_part_is_looked_at_whole(tmp_path: Path) -> None:
    """A long text fills a piece; the odd cell lies behind it, wherever the pieces are cut."""
    rows = [named_row(place, number("1"), number("2"), *texts("x" * 100), number("3")) for place in range(2, 2000)]
    odd = '<row r="2000"><c r="A2000" s="1"><v>-1</v></c></row>'
    book = write_workbook(
        tmp_path / "book.xlsx",
        {"S": sheet(named_row(1, *texts(*PRODUCTS)), *rows, odd), "T": sheet(*rows)},
        formats=FORMATS,
    )
    with zipfile.ZipFile(book) as packed:
        assert packed.getinfo("xl/worksheets/sheet1.xml").file_size > 1 << 18
    with Archive(book, WorkbookLimits()) as archive:
        assert [listed.part.suspicious for listed in archive.sheets if listed.part] == [True, False]
