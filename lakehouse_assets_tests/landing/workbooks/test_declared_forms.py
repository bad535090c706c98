"""Cells of columns with a declared form: numbers, dates and booleans are written in it, texts stay as they are."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest

from lakehouse_assets.landing.workbooks.convert import convert_workbook
from lakehouse_assets_tests.contracts.support import read, schema, things
from lakehouse_assets_tests.landing.workbooks.support import lines


def properties(**values: Any) -> dict[str, Any]:
    return {"customProperties": [{"property": name, "value": value} for name, value in values.items()]}


COLUMNS: dict[str, dict[str, Any]] = {
    "comma": {"logicalType": "number", **properties(decimalChar=",", groupChar=".")},
    "percentage": {"logicalType": "number", **properties(decimalChar=",", percent=True)},
    "day": {"logicalType": "date", "logicalTypeOptions": {"format": "d.M.yyyy"}},
    "at": {"logicalType": "timestamp", "logicalTypeOptions": {"format": "MMM dd yy, hh:mm:ss.SSS a"}},
    "zoned": {"logicalType": "timestamp", "logicalTypeOptions": {"format": "yyyyMMdd'T'HHmm XXX"}},
    "unix": {"logicalType": "timestamp", **properties(unixTime="milliseconds")},
    "paid": {"logicalType": "boolean", **properties(trueValues=["ja"], falseValues=["nein"])},
    "plain": {"logicalType": "boolean"},
}
NOON = datetime(2025, 4, 1, 12, 5, 9)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (
            [1234.5, 0.125, date(2025, 4, 1), NOON, NOON, NOON, True, True],
            [
                "1234,5",
                "12,5%",
                "1.4.2025",
                "Apr 01 25, 12:05:09.000 PM",
                "20250401T1205 Z",
                "1743509109000",
                "ja",
                "TRUE",
            ],
        ),
        ([-7, 1, None, None, None, 1743509109000, False, 1], ["-7", "100%", "", "", "", "1743509109000", "nein", "1"]),
        (
            ["1.234,5", "12,5 %", "01.04.2025", "x", "2025", "", "ja", "no"],
            ["1.234,5", "12,5 %", "01.04.2025", "x", "2025", "", "ja", "no"],
        ),
    ],
)
def test_a_cell_that_is_no_text_is_written_in_the_form_of_its_column(
    tmp_path: Path, cells: list[Any], expected: list[str]
) -> None:
    document = things()
    schema(document)["properties"] = [
        {"name": "id", "logicalType": "integer", "required": True, "primaryKey": True, "physicalName": "Thing No."},
        *({"name": name, **column} for name, column in COLUMNS.items()),
    ]
    book = openpyxl.Workbook()
    book.active.append(["Thing No.", *COLUMNS])
    book.active.append([1, *cells])
    book.save(tmp_path / "book.xlsx")
    (sheet,) = convert_workbook(tmp_path / "book.xlsx", read(tmp_path, things=document), tmp_path / "csv")
    assert lines(sheet) == [["thing no.", *COLUMNS], ["1", *expected]]
