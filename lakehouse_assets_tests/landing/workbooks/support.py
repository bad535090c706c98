"""What the tests of workbooks share."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.errors import BadData
from lakehouse_assets.landing.workbooks.convert import Sheet, WorkbookLimits

CONTRACTS = read_contracts()
PRODUCTS = list(CONTRACTS["products"].names)
ORDERS = list(CONTRACTS["orders"].names)
REAL = Path(__file__).parents[4] / "shared" / "data" / "april_2025"

Convert = Callable[..., tuple[Sheet, ...]]
ConvertOne = Callable[..., Sheet]


def lines(converted: Sheet) -> list[list[str]]:
    assert converted.csv is not None
    with converted.csv.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def refused(convert: Convert, path: Path, limits: WorkbookLimits = WorkbookLimits()) -> str:  # noqa: B008
    with pytest.raises(BadData) as caught:
        convert(path, limits)
    return str(caught.value)
