"""Trino reads tables whose keys and parents have several columns, and answers their checks as the embedded Athena."""

from __future__ import annotations

import pytest

from aws_deploy.acceptance.answers import alike
from aws_deploy.acceptance.statements import product_statements
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets_tests.support import append_behind_its_back
from lakehouse_assets_tests.test_keys_of_several_columns import load_first, load_second, settings  # noqa: F401 - fixture
from lakehouse_assets_tests.trino.asking import ask_athena, ask_trino
from lakehouse_assets_tests.trino.server import Server
from lakehouse_assets_tests.trino.test_tables import rows_by_all

pytestmark = pytest.mark.trino


def numbers(lakehouse: Lakehouse, trino: Server, batch_id: str) -> dict[str, tuple[str | None, ...]]:
    """By dataset: rows, keys, rows of the batch and orphans, after Trino and the embedded Athena gave the same."""
    found = {}
    for dataset in lakehouse.contracts:
        sql = product_statements(lakehouse.contracts, batch_id)[f"checks of {dataset}"]
        by_trino, by_athena = ask_trino(trino, lakehouse.settings.database, sql), ask_athena(lakehouse, sql)
        assert by_trino.refused is None, by_trino.refused
        assert alike(by_trino, by_athena), (dataset, by_trino, by_athena)
        [found[dataset]] = by_trino.rows
    return found


def test_its_rows_are_read_and_its_checks_find_repeated_keys_and_orphans(lakehouse: Lakehouse, trino: Server) -> None:
    load_first(lakehouse)
    batch_id = load_second(lakehouse)
    counts = rows_by_all(lakehouse, trino)
    assert {name: counts[name] for name in lakehouse.contracts} == {
        "items": 2,
        "order_details": 3,
        "picks": 3,
        "refunds": 2,
    }
    assert numbers(lakehouse, trino, batch_id) == {
        "items": ("2", "2", "0", "0"),
        "order_details": ("3", "3", "1", "0"),
        "picks": ("3", "3", "1", "0"),
        "refunds": ("2", "2", "0", "0"),
    }
    append_behind_its_back(lakehouse, "picks", order_id="CAST(10249 AS INT)")
    append_behind_its_back(lakehouse, "refunds", order_item_id="CAST(3 AS INT)")
    append_behind_its_back(lakehouse, "items")
    assert numbers(lakehouse, trino, batch_id) == {
        "items": ("4", "2", "0", "0"),
        "order_details": ("3", "3", "1", "0"),
        "picks": ("6", "6", "2", "1"),
        "refunds": ("4", "2", "0", "2"),
    }
