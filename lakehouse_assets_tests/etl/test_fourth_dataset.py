"""A fourth dataset is one more document: types, key and partition that the shipped ones do not have, and a parent that
has parents itself.
"""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from lakehouse_assets.contracts import SHIPPED, Contracts, read_contracts
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets_tests.etl.support import Given, House, row, rows_file

HEADER = ("code", "item_id", "returned_on", "reason", "refund", "parcel")


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> Contracts:
    folder = tmp_path_factory.mktemp("contracts")
    for path in (*SHIPPED.glob("*.odcs.yaml"), Path(__file__).with_name("returns.odcs.yaml")):
        (folder / path.name).write_bytes(path.read_bytes())
    return read_contracts(folder)


@pytest.fixture
def house(engine: Engine, tmp_path: Path, contracts: Contracts) -> House:
    return House(engine, tmp_path, contracts)


@pytest.fixture(scope="module")
def parents(engine: Engine, tmp_path_factory: pytest.TempPathFactory, contracts: Contracts) -> Path:
    """The tables of a lakehouse that has the item 100, with its order and its product, and no return."""
    house = House(engine, tmp_path_factory.mktemp("parents"), contracts)
    house.batch(
        "parents", **{dataset: [rows_file(dataset, row(dataset))] for dataset in ("products", "orders", "order_items")}
    )
    return house.folder


@pytest.fixture
def with_parents(house: House, parents: Path) -> None:
    shutil.copytree(parents, house.folder, dirs_exist_ok=True)


def returns(*rows: tuple[str, ...], minutes: int = 0) -> list[Given]:
    return [rows_file("returns", *rows, name=f"returns-{minutes}.csv", minutes=minutes, header=HEADER)]


@pytest.mark.usefixtures("with_parents")
def test_its_rows_are_typed_judged_and_loaded(house: House) -> None:
    rows = [
        ("R'1", "100", "2025-05-01", "didn't fit", "9.5", "9007199254740993"),
        ("r 2", "100", " 2025-05-02", "", "", ""),
        ("R-3", "100", "2025-05-01", "broken", "0", "+7"),
        ("R-4", "100", "2025-05-01", "Broken", "-1", "1e3"),
        ("R-5-is-too-long", "100", "May", "", "", ""),
    ]
    loaded = house.load("returns", "b1", *returns(*rows))
    assert loaded.counts == {"read": 5, "inserted": 3, "rejected": 2}
    assert house.values("returns", *HEADER) == [
        ("R'1", 100, date(2025, 5, 1), "didn't fit", 9.5, 9007199254740993),
        ("R-3", 100, date(2025, 5, 1), "broken", 0.0, 7),
        ("r 2", 100, date(2025, 5, 2), None, None, None),
    ]
    assert house.reasons("returns") == [
        ["parcel: not bigint", "reason: not an allowed value", "refund: minimum 0"],
        ["returned_on: not date", "code: maxLength 12"],
    ]
    assert loaded.load_result is not None
    assert loaded.load_result.warnings == {"refund_of_something": 1}


@pytest.mark.usefixtures("with_parents")
def test_a_date_as_version_and_partition(house: House) -> None:
    """The row moves between partitions of a date; its key needs quoting in a predicate."""
    house.load(
        "returns", "b1", *returns(("R'1", "100", "2025-05-02", "", "1", ""), ("R'2", "100", "2025-05-02", "", "2", ""))
    )
    later = returns(("R'1", "100", "2025-05-01", "", "9", ""), ("R'2", "100", "2025-05-03", "", "8", ""), minutes=1)
    assert house.load("returns", "b2", *later).counts == {"read": 2, "updated": 1, "stale": 1}
    assert house.values("returns", "code", "returned_on", "refund") == [
        ("R'1", date(2025, 5, 2), 1.0),
        ("R'2", date(2025, 5, 3), 8.0),
    ]


def test_its_orphans_heal_in_the_batch_in_which_their_parent_heals(house: House) -> None:
    house.batch("b1", returns=returns(("R1", "100", "2025-05-01", "", "", "")))
    house.batch("b2", order_items=[rows_file("order_items", row("order_items"))])
    assert house.reasons("returns") == [["item_id: no such order_items.id"]]
    healing = house.batch("b3", **{dataset: [rows_file(dataset, row(dataset))] for dataset in ("products", "orders")})
    assert healing["order_items"].counts == healing["returns"].counts == {"retried": 1, "inserted": 1}
    assert [record["healed_by"] for record in house.rejects("returns")] == ["b3"]


@pytest.mark.usefixtures("with_parents")
@pytest.mark.parametrize(
    "codes", [("${env:HOME}", "a\\b"), ('"q"', "é/=\\n"), ("c\\'d", "x' OR '1'='1"), ("\x01\x7f", "a\x00b")]
)
def test_a_key_of_text_is_found_again_whatever_it_is_made_of(house: House, codes: tuple[str, str]) -> None:
    """The least and the greatest key stand in predicates, where each engine has escapes of its own. A key that is not
    found again would be a second row.
    """

    def of(refund: str, day: int) -> list[Given]:
        return returns(*((code, "100", f"2025-05-0{day}", "", refund, "") for code in codes), minutes=day)

    assert house.load("returns", "b1", *of("1", 1)).counts == {"read": 2, "inserted": 2}
    assert house.load("returns", "b2", *of("1", 1), *of("2", 2)).counts == {"read": 4, "updated": 2, "duplicates": 2}
    assert house.values("returns", "code", "refund") == [(code, 2.0) for code in codes]
