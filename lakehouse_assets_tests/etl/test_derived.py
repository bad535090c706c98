"""Columns that are calculated from others, by the rows of whole loads."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.contracts import Contracts
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets.etl.plan import hint
from lakehouse_assets_tests.contracts.support import read, things
from lakehouse_assets_tests.etl.support import Given, House, csv_text

HEADER = ("id", "label", "price", "made_on")
RULE = {"type": "custom", "engine": "lakehouse", "implementation": "month <> '2025-05' OR price_with_tax < 100"}


def contracts(folder: Path) -> Contracts:
    document: dict[str, Any] = things()
    schema = document["schema"][0]
    schema["properties"][2]["required"] = True
    schema["properties"] += [
        {
            "name": "month",
            "logicalType": "string",
            "transformLogic": "date_format(made_on, 'yyyy-MM')",
            "required": True,
            "partitioned": True,
        },
        {
            "name": "price_with_tax",
            "logicalType": "number",
            "transformLogic": "price * 1.19",
            "logicalTypeOptions": {"maximum": 1000},
        },
        {
            "name": "size",
            "logicalType": "string",
            "transformLogic": "CASE WHEN price < 10 THEN 'small' WHEN price < 10000 THEN 'big' END",
            "required": True,
        },
    ]
    schema["quality"] = [{**RULE, "name": "cheap_in_may", "severity": "warn"}]
    return read(folder, things=document)


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> House:
    return House(engine, tmp_path, contracts(tmp_path))


def load(house: House, batch: str, *rows: tuple[str, ...], header: tuple[str, ...] = HEADER, minutes: int = 0) -> Any:
    return house.load("things", batch, Given(f"{batch}.csv", csv_text(header, rows), minutes))


def test_calculated_values_are_in_the_table_judged_partitioned_and_moved_with_their_row(house: House) -> None:
    loaded = load(
        house,
        "b1",
        ("1", "a", "5", "2025-04-01"),
        ("2", "b", "100", "2025-05-31"),
        ("3", "c", "900", "2025-04-01"),
        ("4", "d", "20000", "2025-04-01"),
        ("5", "e", "x", "2025-04-01"),
        ("6", "f", "1", "April"),
    )
    assert loaded.load_result.warnings == {"cheap_in_may": 1}
    columns = ("id", "month", "price_with_tax", "size")
    assert house.values("things", *columns) == [(1, "2025-04", 5 * 1.19, "small"), (2, "2025-05", 100 * 1.19, "big")]
    assert [(record["raw"]["id"], record["reasons"]) for record in house.rejects("things")] == [
        ("3", ["price_with_tax: maximum 1000"]),
        ("4", ["size: required", "price_with_tax: maximum 1000"]),
        ("5", ["price: not double"]),
        ("6", ["made_on: not date"]),
    ]
    load(house, "b2", ("2", "b", "5", "2025-06-01"), minutes=1)
    assert house.values("things", *columns)[1] == (2, "2025-06", 5 * 1.19, "small")
    assert house.delta("things").metadata().partition_columns == ["month"]


def test_a_column_of_the_name_in_a_file_does_not_count(house: House) -> None:
    load(house, "b1", ("1", "a", "5", "2025-04-01", "1999-01"), header=(*HEADER, "month"))
    assert house.values("things", "made_on", "month") == [(date(2025, 4, 1), "2025-04")]


def test_the_hint_of_a_missing_value_names_the_columns_that_it_is_calculated_from(tmp_path: Path) -> None:
    said = hint("size: required", contracts(tmp_path)["things"])
    assert said == "size has no value in this row: it is calculated from price."
