"""What the command line says beside a reason: the form that is wanted, in words, and never a value."""

from __future__ import annotations

import pytest

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.etl.plan import hint
from lakehouse_assets_tests.etl.keyed import keyed_contracts


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("order_timestamp: not timestamp", "order_timestamp is written as YYYY-MM-DDTHH:MM:SS "),
        (
            "days_since_prior_order: not int",
            (
                "a fraction of zeros, and spaces around it. Leave the cell empty for a missing value. A contract may"
                " list words such as NULL or NA that mean the same: missingValues."
            ),
        ),
        ("date: required", "date needs a value in each row"),
        ("reordered: not an allowed value", "reordered is one of 0, 1."),
        ("date: too long for a partition value (at most 200 bytes)", "has at most 200 bytes in UTF-8"),
        (
            "order_id: no such orders.order_id",
            "is loaded automatically once orders has the row that order_id refers to",
        ),
    ],
)
def test_a_reason_says_what_is_wanted(reason: str, said: str) -> None:
    assert said in (hint(reason, read_contracts()["order_items"]) or "")


@pytest.mark.parametrize(
    "reason", ["8 fields where the header has 9", "shoes: not int", "a rule that the contract had once"]
)
def test_a_reason_that_says_it_all_has_no_hint(reason: str) -> None:
    assert hint(reason, read_contracts()["order_items"]) is None


def test_the_hint_of_an_orphan_names_all_columns_of_its_parent() -> None:
    contract = keyed_contracts()["picks"]
    said = "once order_details has the row that order_id and product_id refer to."
    assert said in (hint(contract.parents[0].reason, contract) or "")
