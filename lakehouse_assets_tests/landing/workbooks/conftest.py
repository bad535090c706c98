"""Converting a workbook of a test."""

from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest

from lakehouse_assets.landing.workbooks.convert import Sheet, WorkbookLimits, convert_workbook
from lakehouse_assets_tests.landing.workbooks.raw_workbook import sheet, write_workbook
from lakehouse_assets_tests.landing.workbooks.support import (
    CONTRACTS,
    Convert,
    ConvertOne,
)


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
