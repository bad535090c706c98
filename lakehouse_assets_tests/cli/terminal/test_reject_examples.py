"""The example of a rejected record: its key, and the values that the reason is about."""

from __future__ import annotations

import pytest

from lakehouse_assets.cli.terminal.reject_examples import examples
from lakehouse_assets_tests.etl.keyed import keyed_contracts

RAW = {"shelf": "A-1", "product_id": "11", "order_id": "10248", "picked": "many"}
NO_DETAIL = "order_id, product_id: no such order_details (order_id, product_id)"
KEY = "order_id=10248, product_id=11, shelf=A-1"


@pytest.mark.parametrize(("reason", "shown"), [(NO_DETAIL, KEY), ("picked: not int", f"{KEY}, picked=many")])
def test_it_shows_all_columns_of_the_key_and_those_of_the_reason(reason: str, shown: str) -> None:
    [example] = examples([("picks", "open", [reason], RAW, "raw/picks/a.csv", 3)], keyed_contracts())
    assert example.shown == shown
