"""A sheet's header may stand in a lower row; where none is found the sheet says which row was taken for it, and how
many rows it has.
"""

import csv
from datetime import date
from pathlib import Path

import pytest
import xlsxwriter  # type: ignore[import-untyped]

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.landing.workbooks.convert import Sheet, convert_workbook
from lakehouse_assets_tests.landing.workbooks.raw_workbook import row, sheet, write_workbook

CONTRACTS = read_contracts()
PRODUCTS = list(CONTRACTS["products"].names)
DATA = [row(1, 2, "x", "y"), row(2, 2, "x", "y")]
BLANK = "<row/>"


def converted(tmp_path: Path, *rows: str) -> Sheet:
    (only,) = convert_workbook(write_workbook(tmp_path / "book.xlsx", {"S": sheet(*rows)}), CONTRACTS, tmp_path / "csv")
    return only


@pytest.mark.parametrize(
    ("above", "blank", "warnings"),
    [
        ([], 0, ()),
        ([BLANK], 1, ()),
        ([row("Stock")], 0, ("the header is in row 2; 1 row above it was skipped",)),
        (
            [row("Stock"), row("as of", "2025-04-01"), BLANK],
            1,
            ("the header is in row 4; 3 rows above it were skipped",),
        ),
        ([row("Stock")] * 19, 0, ("the header is in row 20; 19 rows above it were skipped",)),
    ],
    ids=["first", "below a blank row", "below a title", "below a title and a blank row", "the last row that is tried"],
)
def test_a_header_in_a_lower_row_is_found_and_the_rows_above_it_are_told(
    tmp_path: Path, above: list[str], blank: int, warnings: tuple[str, ...]
) -> None:
    only = converted(tmp_path, *above, row(*PRODUCTS), *DATA)
    assert (only.dataset, only.rows, only.skipped_blank_rows, only.warnings) == ("products", 2, blank, warnings)
    assert only.csv is not None
    with only.csv.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [PRODUCTS, ["1", "2", "x", "y"], ["2", "2", "x", "y"]]


def test_a_header_below_the_first_rows_is_not_looked_for_and_all_rows_are_counted(tmp_path: Path) -> None:
    only = converted(tmp_path, *[row("Stock")] * 20, row(*PRODUCTS), *DATA)
    assert (only.dataset, only.rows) == (None, 23)
    assert only.reason is not None
    assert only.reason.endswith("; the header must be the first filled row")


def test_the_row_taken_for_the_header_is_named_with_what_it_lacks_and_the_rows_below_it_are_counted(
    tmp_path: Path,
) -> None:
    only = converted(
        tmp_path, row("Stock of May"), BLANK, row(*PRODUCTS[:-1]), row(1, 2, "secret"), BLANK, row(2, 2, "secret")
    )
    assert (only.dataset, only.rows, only.skipped_blank_rows) == (None, 2, 2)
    assert only.reason is not None
    assert only.reason.startswith("row 3 was taken for the header: ")
    assert PRODUCTS[-1] in only.reason
    assert "secret" not in only.reason
    assert "May" not in only.reason


def test_a_sheet_whose_header_cannot_be_read_counts_its_rows_too(tmp_path: Path) -> None:
    only = converted(tmp_path, row(*PRODUCTS[:-1], "<c><f>A1</f></c>"), *DATA)
    assert (only.dataset, only.rows, only.reason) == (
        None,
        2,
        "the header cannot be read: cell D1: a formula without a saved value (=A1)",
    )


def test_a_units_row_and_a_totals_row_are_rows(tmp_path: Path) -> None:
    assert converted(tmp_path, row(*PRODUCTS), row("", "no.", "", ""), *DATA, row("Total", 2)).rows == 4


def test_a_day_in_a_timestamp_column_that_is_written_in_another_way_is_its_midnight(tmp_path: Path) -> None:
    names = [name.replace("_", " ").title() for name in CONTRACTS["orders"].names]
    path = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(str(path), {"default_date_format": "yyyy-mm-dd"}) as book:
        only_sheet = book.add_worksheet("S")
        only_sheet.write_row(0, 0, names)
        only_sheet.write_row(1, 0, [1, 1, 7, date(2025, 4, 1), 9.5, "2025-04-01"])
    (only,) = convert_workbook(path, CONTRACTS, tmp_path / "csv")
    assert (only.dataset, only.csv is not None and only.csv.read_text("utf-8").splitlines()[1]) == (
        "orders",
        "1,1,7,2025-04-01T00:00:00,9.5,2025-04-01",
    )
