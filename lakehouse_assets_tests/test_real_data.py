"""April 2025 as it was: a products CSV, and two workbooks with a sheet a day."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets.etl.report_types import LoadReport
from lakehouse_assets.local.bootstrap import bootstrap
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.support import archived, checked, keys, nonzero, put, ran, rejects, run, table_rows

APRIL = Path(__file__).parents[2] / "shared" / "data" / "april_2025"
ROWS = {"products": 1_000, "orders": 7_500, "order_items": 40_803}
FILES = {
    "products": ("raw/products/products.csv", "products.csv"),
    "orders": ("uploads/orders_apr_2025.xlsx", "orders_apr_2025.xlsx"),
    "order_items": ("uploads/order_items_apr_2025.xlsx", "order_items_apr_2025.xlsx"),
}

pytestmark = pytest.mark.skipif(not APRIL.exists(), reason=f"the real data is not at {APRIL}")

Table = list[tuple[Any, ...]]


def put_april(lakehouse: Lakehouse, *datasets: str) -> None:
    for dataset in datasets:
        key, name = FILES[dataset]
        put(lakehouse, key, APRIL / name)


def all_tables(lakehouse: Lakehouse) -> dict[str, Table]:
    """Every data column of every row."""
    return {dataset: table_rows(lakehouse, dataset) for dataset in lakehouse.contracts}


@pytest.fixture(scope="module")
def loaded(lakehouse_home: Path, lakehouse_aws: EmbeddedAws) -> tuple[Lakehouse, LoadReport]:
    """April loaded in one batch, and its report."""
    lakehouse = Lakehouse(own_settings(lakehouse_home), Aws(lakehouse_aws.environment()))
    bootstrap(lakehouse.settings, lakehouse.aws)
    put_april(lakehouse, *FILES)
    return lakehouse, ran(lakehouse, "any")


@pytest.fixture(scope="module")
def tables(loaded: tuple[Lakehouse, LoadReport]) -> dict[str, Table]:
    return all_tables(loaded[0])


def test_every_row_is_loaded_and_none_is_rejected(
    loaded: tuple[Lakehouse, LoadReport], tables: dict[str, Table]
) -> None:
    lakehouse, report = loaded
    assert {dataset: nonzero(counts) for dataset, counts in report["datasets"].items()} == {
        dataset: {"read": rows, "inserted": rows} for dataset, rows in ROWS.items()
    }
    assert {dataset: len(rows) for dataset, rows in tables.items()} == ROWS
    assert {dataset: len(rejects(lakehouse, dataset)) for dataset in ROWS} == dict.fromkeys(ROWS, 0)
    assert Counter((file["dataset"], file["outcome"]) for file in report["files"]) == {
        ("orders", "loaded"): 15,
        ("order_items", "loaded"): 15,
        ("products", "loaded"): 1,
    }


def test_athena_finds_the_tables_sound(loaded: tuple[Lakehouse, LoadReport]) -> None:
    lakehouse, report = loaded
    assert [
        result for results in checked(lakehouse, report["batch_id"]).values() for result in results if not result.passed
    ] == []
    assert lakehouse.athena.query(
        "SELECT count(*), count(DISTINCT order_id), sum(total_amount) > 0 FROM orders"
    ).rows == [(7_500, 7_500, True)]


def test_loaded_again_every_file_is_a_duplicate_and_no_value_changes(
    loaded: tuple[Lakehouse, LoadReport], tables: dict[str, Table]
) -> None:
    lakehouse, _ = loaded
    put_april(lakehouse, *FILES)
    report = ran(lakehouse)
    assert {file["outcome"] for file in report["files"]} == {"duplicate"}
    assert {dataset: nonzero(counts) for dataset, counts in report["datasets"].items()} == {
        dataset: {"read": rows, "unchanged": rows} for dataset, rows in ROWS.items()
    }
    assert all_tables(lakehouse) == tables
    assert run(lakehouse) is None


def test_file_by_file_with_the_items_first_gives_the_same_tables(
    lakehouse: Lakehouse, tables: dict[str, Table]
) -> None:
    for dataset in ("order_items", "products", "orders"):
        put_april(lakehouse, dataset)
        report = ran(lakehouse)
    assert nonzero(report["datasets"]["order_items"]) == {"retried": 40_803, "inserted": 40_803}
    assert report["healed"] == {"order_items": 40_803}
    assert all_tables(lakehouse) == tables
    assert all(record["healed_by"] == report["batch_id"] for record in rejects(lakehouse, "order_items"))


def test_sheet_by_sheet_in_a_shuffled_order_gives_the_same_tables(
    lakehouse: Lakehouse, loaded: tuple[Lakehouse, LoadReport], tables: dict[str, Table]
) -> None:
    """Each day's sheet as a CSV of its own, in six batches; the first holds nothing but items."""
    sheets = [
        (key, content)
        for content, key in {
            content: key for key, content in archived(loaded[0]).items() if key.startswith("raw/")
        }.items()
    ]
    random.Random(2025).shuffle(sheets)
    items = [sheet for sheet in sheets if sheet[0].startswith("raw/order_items/")][:4]
    rest = [sheet for sheet in sheets if sheet not in items]
    for batch in [items, *(rest[place::5] for place in range(5))]:
        for key, content in batch:
            put(lakehouse, key, content)
        ran(lakehouse)
    assert all_tables(lakehouse) == tables
    assert not any(record["waiting"] for record in rejects(lakehouse, "order_items"))
    assert keys(lakehouse, "raw/") == []
