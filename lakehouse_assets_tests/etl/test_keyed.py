"""Keys of several columns, and parents by them, in both engines."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as for_any
from hypothesis import settings

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets.etl.rejected import Rejected, Wanted
from lakehouse_assets_tests.etl.generated import Batch, batches, history, loaded
from lakehouse_assets_tests.etl.keyed import KEYED, keyed_contracts
from lakehouse_assets_tests.etl.keyed.files import DETAIL, details, items, picks, refunds, rows
from lakehouse_assets_tests.etl.reference import Reference
from lakehouse_assets_tests.etl.support import House, rows_file
from lakehouse_assets_tests.etl.test_properties import SLOW, of_engine, of_reference

CONTRACTS = keyed_contracts()
NO_ITEM = "order_item_id, order_id: no such items (order_item_id, order_id)"
NO_DETAIL = "order_id, product_id: no such order_details (order_id, product_id)"


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> House:
    return House(engine, tmp_path, CONTRACTS)


def prices(house: House) -> list[tuple[Any, ...]]:
    return house.values("order_details", "order_id", "product_id", "unit_price")


def versions(house: House) -> tuple[int, int]:
    return house.delta("order_details").version(), house.delta_rejects("order_details").version()


def test_rows_that_share_a_part_of_the_key_are_different_rows(house: House) -> None:
    loaded = house.load("order_details", "b1", *details({}, {"product_id": "42"}, {"order_id": "10249"}))
    assert loaded.counts == {"read": 3, "inserted": 3}
    assert prices(house) == [(10248, 11, 14.0), (10248, 42, 14.0), (10249, 11, 14.0)]


def test_of_rows_with_the_whole_key_the_last_wins(house: House) -> None:
    again = details({}, {"product_id": "42"}, {"unit_price": "15"}, {"order_id": "10249", "unit_price": "1"})
    loaded = house.load("order_details", "b1", *again)
    assert loaded.counts == {"read": 4, "inserted": 3, "duplicates": 1}
    assert loaded.load_result is not None
    assert loaded.load_result.differing == 1
    assert prices(house) == [(10248, 11, 15.0), (10248, 42, 14.0), (10249, 11, 1.0)]


def test_a_later_file_updates_the_row_of_the_whole_key_only(house: House) -> None:
    house.load("order_details", "b1", *details({}, {"product_id": "42"}, {"order_id": "10249"}))
    later = details({}, {"product_id": "42", "unit_price": "9"}, {"order_id": "10250"}, minutes=1)
    assert house.load("order_details", "b2", *later).counts == {
        "read": 3,
        "unchanged": 1,
        "updated": 1,
        "inserted": 1,
    }
    assert prices(house) == [(10248, 11, 14.0), (10248, 42, 9.0), (10249, 11, 14.0), (10250, 11, 14.0)]


def test_files_are_skipped_by_any_column_of_the_key(embedded: Engine, tmp_path: Path) -> None:
    """Both files hold the order; the product tells which of them has the row to update."""
    house = House(embedded, tmp_path, CONTRACTS)
    house.load("order_details", "b1", *details({}))
    house.load("order_details", "b2", *details({"product_id": "42"}, minutes=1))
    house.load("order_details", "b3", *details({"product_id": "42", "quantity": "3"}, minutes=2))
    [merge] = house.delta("order_details").history(1)
    skipped, scanned = "num_target_files_skipped_during_scan", "num_target_files_scanned"
    assert [merge["operationMetrics"][name] for name in (skipped, scanned)] == [1, 1]


def test_a_version_and_a_partition_beside_a_key_with_a_text(house: House) -> None:
    house.load("items", "b1", *items({}, {"order_item_id": "2"}, {"order_id": "it's, 1"}))
    later = items(
        {"shipping_limit_date": "2017-09-18 00:00:00", "price": "1"},
        {"order_item_id": "2", "shipping_limit_date": "2017-09-20 00:00:00", "seller_id": "dd7ddc04e1b6c2c6"},
        {"order_id": "it's, 1", "shipping_limit_date": "2017-09-20 00:00:00", "price": "2"},
        minutes=1,
    )
    assert house.load("items", "b2", *later).counts == {"read": 3, "stale": 1, "updated": 2}
    assert house.values("items", "order_id", "order_item_id", "seller_id", "price") == [
        ("00010242fe8c5a6d", 1, "48436dade18ac8b2", 58.9),
        ("00010242fe8c5a6d", 2, "dd7ddc04e1b6c2c6", 58.9),
        ("it's, 1", 1, "48436dade18ac8b2", 2.0),
    ]


def test_a_key_that_is_missing_in_part_is_rejected_and_no_row_corrects_it(house: House) -> None:
    loaded = house.load("order_details", "b1", *details({"product_id": " "}, {"order_id": ""}, {"product_id": "x"}))
    assert loaded.counts == {"read": 3, "rejected": 3}
    house.load("order_details", "b2", *details({}, minutes=1))
    assert house.reasons("order_details") == [
        ["product_id: required"],
        ["order_id: required"],
        ["product_id: not smallint"],
    ]
    assert [record["resolved_by"] for record in house.rejects("order_details")] == [None, None, None]


def test_a_rejected_row_is_corrected_by_a_later_row_of_the_whole_key(house: House) -> None:
    house.load("order_details", "b1", *details({"quantity": "0"}, {"product_id": "42", "quantity": "0"}))
    house.load("order_details", "b2", *details({}, minutes=1))
    assert [
        (record["key"], record["resolution"], record["resolved_by"]) for record in house.rejects("order_details")
    ] == [("10248, 11", "corrected", "b2"), ("10248, 42", None, None)]


def test_a_file_that_lacks_an_optional_column_leaves_the_value_of_each_key(house: House) -> None:
    house.load("order_details", "b1", *details({}, {"product_id": "42", "discount": "0.5"}))
    short = {name: text for name, text in DETAIL.items() if name != "discount"}
    changed = ({"quantity": "7"}, {"quantity": "8"}, {"product_id": "42", "quantity": "9"})
    loaded = house.load("order_details", "b2", *rows("order_details", short, *changed, minutes=1))
    assert loaded.counts == {"read": 3, "duplicates": 1, "updated": 2}
    assert house.values("order_details", "product_id", "quantity", "discount") == [(11, 8, 0.15), (42, 9, 0.5)]


def test_an_orphan_waits_until_a_parent_with_all_its_columns_comes(house: House) -> None:
    house.batch("b1", picks=picks({}, {"shelf": "B, 2"}), order_details=details({"product_id": "42"}))
    assert house.reasons("picks") == [[NO_DETAIL], [NO_DETAIL]]
    other = house.batch("b2", order_details=details({"order_id": "10249"}, minutes=1))
    assert other["picks"].counts == {}
    healing = house.batch("b3", order_details=details({}, minutes=2))
    assert healing["picks"].counts == {"retried": 2, "inserted": 2}
    assert [(record["key"], record["healed_by"]) for record in house.rejects("picks")] == [
        ("10248, 11, A-1", "b3"),
        ("10248, 11, B, 2", "b3"),
    ]


def test_two_parents_whose_first_column_is_the_same_are_looked_up_each_by_its_own(
    embedded: Engine, tmp_path: Path
) -> None:
    """And two whose columns' names make the same text: a_b and c, a and b_c."""
    parents = {"ones": ("a",), "pairs": ("a", "b_c"), "others": ("a_b", "c")}
    for dataset, columns in {**parents, "rows": ("n",)}.items():
        keys = [f"{{name: {name}, logicalType: integer, required: true, primaryKey: true}}" for name in columns]
        more = [f"{{name: {name}, logicalType: integer}}" for name in ("a", "b_c", "a_b", "c") if dataset == "rows"]
        refers = [
            f"{{type: foreignKey, from: [{', '.join(f'rows.{n}' for n in names)}],"
            f" to: [{', '.join(f'{parent}.{n}' for n in names)}]}}"
            for parent, names in parents.items()
            if dataset == "rows"
        ]
        (tmp_path / f"{dataset}.odcs.yaml").write_text(
            f"{{apiVersion: v3.1.0, kind: DataContract, id: {dataset}, name: {dataset}, version: 1.0.0, status: active,"
            f" schema: [{{name: {dataset}, description: d, properties: [{', '.join(keys + more)}],"
            f" relationships: [{', '.join(refers)}]}}]}}"
        )
    house = House(embedded, tmp_path, read_contracts(tmp_path))
    for dataset, columns in parents.items():
        house.load(dataset, "b1", rows_file(dataset, *[("1",) * len(columns)], header=columns))
    given = [("1", "1", "1", "1", "1"), ("2", "1", "2", "1", "1"), ("3", "1", "1", "1", "2"), ("4", "2", "1", "1", "1")]
    house.load("rows", "b1", rows_file("rows", *given, header=("n", "a", "b_c", "a_b", "c")))
    assert house.values("rows", "n") == [(1,)]
    assert sorted((record["key"], record["reasons"]) for record in house.rejects("rows")) == [
        ("2", ["a, b_c: no such pairs (a, b_c)"]),
        ("3", ["a_b, c: no such others (a_b, c)"]),
        ("4", ["a: no such ones.a", "a, b_c: no such pairs (a, b_c)"]),
    ]


def test_a_row_that_names_only_a_part_of_its_parent_has_none(house: House) -> None:
    loaded = house.batch(
        "b1",
        items=items({}),
        refunds=refunds(
            {},
            {"refund_id": "2", "order_item_id": ""},
            {"refund_id": "3", "order_id": "", "order_item_id": ""},
            {"refund_id": "4", "order_item_id": "2"},
        ),
    )
    assert loaded["refunds"].counts == {"read": 4, "inserted": 3, "rejected": 1}
    assert [(record["key"], record["reasons"]) for record in house.rejects("refunds")] == [("4", [NO_ITEM])]


def test_a_batch_that_runs_again_writes_nothing(house: House) -> None:
    house.load("order_details", "b1", *details({}, {"quantity": "0"}))
    before = versions(house)
    house.load("order_details", "b1", *details({}, {"quantity": "0"}))
    assert versions(house) == before


@pytest.mark.parametrize("key", ["10248, 42", "10248,42", " 10248 , 42 "])
def test_rejected_records_are_found_by_the_whole_key(embedded: Engine, tmp_path: Path, key: str) -> None:
    house = House(embedded, tmp_path, CONTRACTS)
    house.load("order_details", "b1", *details({"quantity": "0"}, {"product_id": " 42", "quantity": "0"}))
    rejected = Rejected.of(CONTRACTS["order_details"], house.tables, tmp_path / "scratch", 128)
    assert rejected is not None
    assert [record[5] for record in rejected.records(Wanted(key=key))] == [2]
    assert not list(rejected.records(Wanted(key="10248")))


def test_a_row_without_all_of_its_key_has_no_key_in_the_rejected_records(house: House) -> None:
    header = tuple(DETAIL)
    house.load("order_details", "b1", rows_file("order_details", ("10248",), ("", "11", "1", "1", ""), header=header))
    assert [record["key"] for record in house.rejects("order_details")] == [None, ", 11"]


@settings(SLOW, max_examples=40)
@for_any(batches(KEYED))
def test_any_rows_in_any_batches_end_as_in_the_reference(embedded: Engine, given_batches: list[Batch]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        house, reference = House(embedded, Path(folder), CONTRACTS), Reference(KEYED.datasets)
        for number, batch in enumerate(given_batches):
            assert loaded(house, f"b{number}", batch) == reference.batch(f"b{number}", batch)
        assert of_engine(house) == of_reference(reference)


HISTORIES = [("embedded", 0, 4), ("embedded", 1, 4), pytest.param("spark", 0, 2, marks=pytest.mark.spark)]


@pytest.mark.parametrize(("engine_name", "seed", "count"), HISTORIES)
def test_hundreds_of_keys_with_a_history_end_as_in_the_reference(
    request: pytest.FixtureRequest, engine_name: str, seed: int, count: int, tmp_path: Path
) -> None:
    """A batch on Spark takes 50 CPU seconds, and two of them have every outcome."""
    engine: Engine = request.getfixturevalue(engine_name)
    house, reference = House(engine, tmp_path, CONTRACTS), Reference(KEYED.datasets)
    for number, batch in enumerate(history(seed, rows=300, keys=150, shop=KEYED)[:count]):
        assert loaded(house, f"b{number}", batch) == reference.batch(f"b{number}", batch)
    assert of_engine(house) == of_reference(reference)
    outcomes = {(record.resolution, record.waiting) for records in reference.rejects.values() for record in records}
    assert outcomes >= {("healed", False), ("corrected", False), (None, True), (None, False)}
