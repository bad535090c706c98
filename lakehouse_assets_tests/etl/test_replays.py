"""A batch that stops after any of its steps and is run again leaves the same tables, versions and counts as one that
was never disturbed.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets_tests.etl.support import STEPS, Given, House, Loaded, row, rows_file

FIRST: dict[str, list[Given]] = {
    "products": [rows_file("products", row("products"), row("products", product_id="2"), name="p.csv")],
    "orders": [rows_file("orders", row("orders"), row("orders", order_id="x"), name="o.csv")],
    "order_items": [
        rows_file(
            "order_items",
            row("order_items"),
            row("order_items", id="101", order_id="11"),
            row("order_items", id="102", product_id="3"),
            name="i.csv",
        )
    ],
}
SECOND: dict[str, list[Given]] = {
    "products": [
        rows_file(
            "products",
            row("products", department_id="9"),
            ("too", "few"),
            row("products", product_id="4"),
            name="p2.csv",
            minutes=1,
        ),
        rows_file(
            "products",
            row("products", product_id="2"),
            row("products", product_id="4", department="Toys"),
            name="p3.csv",
            minutes=2,
        ),
    ],
    "orders": [
        rows_file(
            "orders",
            row("orders", order_id="11"),
            row("orders", date="2025-04-02", total_amount="7"),
            row("orders", order_id="-1"),
            name="o2.csv",
            minutes=1,
        )
    ],
    "order_items": [
        rows_file(
            "order_items",
            row("order_items", user_id="6"),
            row("order_items", id="103", product_id="4"),
            row("order_items", id="104", product_id="5"),
            row("order_items", id="105", reordered="2"),
            row("order_items", id="101", order_id="11", user_id="8"),
            name="i2.csv",
            minutes=1,
        )
    ],
}
"""Inserts, updates, a moved partition, an unchanged row, duplicates, spoiled rows, a new orphan, one that heals and one
that waits on.
"""


@dataclass(frozen=True)
class Undisturbed:
    """A lakehouse after both batches, what the second one did, and a copy of its tables as the first one left them."""

    house: House
    second: Mapping[str, Loaded]
    after_first: Path


@pytest.fixture(scope="module")
def undisturbed(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "both").mkdir()
    house = House(engine, folder / "both", read_contracts())
    house.batch("b1", **FIRST)
    shutil.copytree(folder / "both", folder / "first")
    return Undisturbed(house, house.batch("b2", **SECOND), folder / "first")


@pytest.mark.parametrize("step", STEPS[STEPS.index("decide") :])
def test_a_batch_that_stopped_after_a_step_ends_the_same(
    house: House, undisturbed: Undisturbed, step: str, tmp_path: Path
) -> None:
    """(No step before `decide` writes anything.)"""
    shutil.copytree(undisturbed.after_first, tmp_path, dirs_exist_ok=True)
    for dataset in house.contracts:
        house.load(dataset, "b2", *SECOND[dataset], until=step)
        again = house.load(dataset, "b2", *SECOND[dataset])
        if step not in ("merge", "settle_rejects"):
            assert again.counts == undisturbed.second[dataset].counts
    assert house.state() == undisturbed.house.state()
    assert house.versions() == undisturbed.house.versions()
    assert transactions(house) == transactions(undisturbed.house)


def test_a_batch_that_is_done_is_replayed_without_a_write(
    house: House, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    shutil.copytree(undisturbed.house.folder, tmp_path, dirs_exist_ok=True)
    replayed = house.batch("b2", **SECOND)
    assert {dataset: (loaded.rejected, loaded.written) for dataset, loaded in replayed.items()} == dict.fromkeys(
        house.contracts, (None, None)
    )
    assert house.state() == undisturbed.house.state()
    assert house.versions() == undisturbed.house.versions()


def transactions(house: House) -> list[int | None]:
    """By which a replay of the second batch knows what is done."""
    return [
        table.transaction_version(f"{write}{dataset}:b2")
        for dataset in house.contracts
        for table, write in (
            (house.delta(dataset), ""),
            (house.delta_rejects(dataset), "rejects:"),
            (house.delta_rejects(dataset), "orphans:"),
        )
    ]


def test_what_the_undisturbed_batches_do(undisturbed: Undisturbed) -> None:
    """The scenario has every verdict in it."""
    loaded = undisturbed.second
    assert loaded["products"].counts == {
        "read": 5,
        "inserted": 1,
        "updated": 1,
        "unchanged": 1,
        "duplicates": 1,
        "rejected": 1,
    }
    assert loaded["orders"].counts == {"read": 3, "inserted": 1, "updated": 1, "rejected": 1}
    assert loaded["order_items"].counts == {
        "read": 5,
        "retried": 1,
        "inserted": 2,
        "updated": 1,
        "duplicates": 1,
        "rejected": 2,
    }
    assert [
        (r["raw"]["id"], r["waiting"], r["resolved_by"], r["resolution"])
        for r in undisturbed.house.rejects("order_items")
    ] == [
        ("101", False, "b2", "corrected"),
        ("102", True, None, None),
        ("104", True, None, None),
        ("105", False, None, None),
    ]


def test_a_load_knows_whether_a_former_try_has_merged(house: House) -> None:
    def merged_before(dataset: str) -> bool:
        with house.engine.dataset_load(house.contracts[dataset], house.tables, "b1") as load:
            return load.merged_before

    assert not merged_before("orders")
    house.load("orders", "b1", *FIRST["orders"], until="write_rejects")
    assert not merged_before("orders")
    house.load("orders", "b1", *FIRST["orders"], until="merge")
    assert merged_before("orders")


def test_a_load_knows_whether_a_former_try_has_settled_its_orphans_without_a_merge(house: House) -> None:
    """The product comes, the order does not: nothing is merged, but on the second try the orphan lacks no product any
    more.
    """
    house.batch("b1", order_items=[rows_file("order_items", row("order_items"))])
    products = rows_file("products", row("products"))
    assert house.batch("b2", products=[products])["order_items"].counts == {"retried": 1, "rejected": 1}
    with house.engine.dataset_load(house.contracts["order_items"], house.tables, "b2") as load:
        assert load.merged_before


def test_a_batch_of_no_files_is_a_batch_of_no_rows(house: House) -> None:
    for batch in ("b1", "b2"):
        assert {dataset: loaded.counts for dataset, loaded in house.batch(batch).items()} == {
            "products": {},
            "orders": {},
            "order_items": {},
        }
    assert house.versions() == dict.fromkeys(house.contracts, (0, 0))
