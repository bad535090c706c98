"""Rows of one key, in whatever order they come: exactly one stays, the same one whoever comes first, and the others are
counted.
"""

from __future__ import annotations

from typing import Any

import pytest

from lakehouse_assets_tests.etl.support import Given, House, Loaded, row, rows_file


def order(amount: str, hour: int = 11, **changed: str) -> tuple[str, ...]:
    """A version of one order: its total tells it from the others, its hour is the version."""
    return row("orders", total_amount=amount, order_timestamp=f"2025-04-01T{hour:02}:27:00", **changed)


def orders(*rows: tuple[str, ...], name: str = "orders.csv", minutes: int = 0) -> Given:
    return rows_file("orders", *rows, name=name, minutes=minutes)


def product(name: str, **changed: str) -> tuple[str, ...]:
    return row("products", product_name=name, **changed)


def products(*rows: tuple[str, ...], name: str = "products.csv", minutes: int = 0) -> Given:
    return rows_file("products", *rows, name=name, minutes=minutes)


def amounts(house: House) -> list[float]:
    return [amount for (amount,) in house.values("orders", "total_amount")]


def names(house: House) -> list[str]:
    return [name for (name,) in house.values("products", "product_name")]


IN_ONE_BATCH: dict[str, tuple[float, dict[tuple[str, int], list[tuple[str, ...]]]]] = {
    "identical rows in one file": (1.0, {("m.csv", 0): [order("1"), order("1")]}),
    "later version in one file": (1.0, {("m.csv", 0): [order("1", hour=12), order("2")]}),
    "later version in an older file": (1.0, {("a.csv", 0): [order("1", hour=12)], ("z.csv", 9): [order("2")]}),
    "equal versions, later file": (1.0, {("a.csv", 5): [order("1")], ("b.csv", 4): [order("2")]}),
    "equal versions, later file of lesser name": (2.0, {("b.csv", 0): [order("1")], ("a.csv", 5): [order("2")]}),
    "later versions that are spoiled": (
        2.0,
        {("m.csv", 0): [order("1"), order("-1", hour=23), order("2", hour=12), order("-1", hour=23)]},
    ),
}
"""The total of the row that stays, and the rows of one order, by their file's name and time."""


@pytest.mark.parametrize("swapped", [False, True])
def test_of_the_rows_of_a_key_in_one_batch_one_stays_in_whatever_order_they_come(house: House, swapped: bool) -> None:
    """All cases at once, each with an order of its own."""
    files: dict[tuple[str, int], list[tuple[str, ...]]] = {}
    for number, (_, of_case) in enumerate(IN_ONE_BATCH.values()):
        for file, rows in of_case.items():
            files.setdefault(file, []).extend(
                (cells[0], str(number), *cells[2:]) for cells in (reversed(rows) if swapped else rows)
            )
    given = [orders(*rows, name=name, minutes=minutes) for (name, minutes), rows in files.items()]
    loaded = house.load("orders", "b1", *(reversed(given) if swapped else given))
    assert loaded.counts == {"read": 14, "inserted": 6, "duplicates": 6, "rejected": 2}
    assert dict(zip(IN_ONE_BATCH, amounts(house), strict=True)) == {
        case: total for case, (total, _) in IN_ONE_BATCH.items()
    }


def test_of_rows_that_nothing_else_tells_apart_the_one_further_down_in_the_file_stays(house: House) -> None:
    rows = [product("Zebra"), product("Lamp", product_id="2"), product("Apple"), product("Lamp", product_id="2")]
    loaded = house.load("products", "b1", products(*rows))
    assert loaded.counts == {"read": 4, "inserted": 2, "duplicates": 2}
    assert loaded.load_result is not None
    assert loaded.load_result.differing == 1
    assert names(house) == ["Apple", "Lamp"]


def test_a_row_that_was_replaced_by_a_newer_version_is_no_contradiction(house: House) -> None:
    loaded = house.load(
        "orders",
        "b1",
        orders(order("1"), order("2", hour=12), order("3", hour=12, order_id="11"), order("4", hour=12, order_id="11")),
    )
    assert loaded.load_result is not None
    assert loaded.load_result.differing == 1


LATER = {
    "identical": (order("1"), "c.csv", 9, "unchanged"),
    "later version": (order("2", hour=12), "a.csv", 1, "updated"),
    "later file": (order("2"), "a.csv", 9, "updated"),
    "same file": (order("2"), "b.csv", 5, "updated"),
    "file of the same time": (order("2"), "a.csv", 5, "updated"),
    "older file": (order("2"), "c.csv", 4, "stale"),
    "older version": (order("2", hour=10), "c.csv", 9, "stale"),
}
"""What comes after `order("1")` of b.csv, 5 minutes after the start: its row, its file's name and time, and its
verdict.
"""


def test_a_row_of_a_key_that_the_table_has(house: House) -> None:
    """All cases at once, each with an order of its own; the later files come in an order that tells nothing."""
    house.load(
        "orders",
        "b1",
        orders(*(order("1", order_id=str(number)) for number in range(len(LATER))), name="b.csv", minutes=5),
    )
    files: dict[tuple[str, int], list[tuple[str, ...]]] = {}
    for number, (cells, name, minutes, _) in enumerate(LATER.values()):
        files.setdefault((name, minutes), []).append((cells[0], str(number), *cells[2:]))
    loaded = house.load(
        "orders", "b2", *(orders(*rows, name=name, minutes=minutes) for (name, minutes), rows in files.items())
    )
    assert loaded.counts == {"read": 7, "unchanged": 1, "updated": 4, "stale": 2}
    assert loaded.written is not None
    assert (loaded.written.inserted, loaded.written.updated) == (0, 5), (
        "of the unchanged row the file that said it last"
    )
    found = dict(zip(LATER, house.values("orders", "total_amount", "batch_id", "source_file"), strict=True))
    expected = {"updated": (2.0, "b2"), "unchanged": (1.0, "b2"), "stale": (1.0, "b1")}
    assert found == {
        case: (*expected[verdict], "b.csv" if verdict == "stale" else name)
        for case, (_, name, _, verdict) in LATER.items()
    }


def test_rows_that_change_nothing_make_no_commit(house: House) -> None:
    house.load("orders", "b1", orders(order("1"), order("1", order_id="11"), minutes=5))
    version = house.delta("orders").version()
    assert house.load("orders", "b2", orders(order("1"), order("2", hour=10, order_id="11"), minutes=4)).counts == {
        "read": 2,
        "unchanged": 1,
        "stale": 1,
    }
    assert house.delta("orders").version() == version


def test_whoever_said_it_last_wins_though_it_had_been_said_before(house: House) -> None:
    """A, B, A; and A, A with a B from between them that comes late."""
    house.load("products", "b1", products(product("A"), product("A", product_id="2"), name="1.csv", minutes=1))
    house.load("products", "b2", products(product("B"), name="2.csv", minutes=2))
    again = house.load("products", "b3", products(product("A"), product("A", product_id="2"), name="3.csv", minutes=4))
    assert again.counts == {"read": 2, "updated": 1, "unchanged": 1}
    assert again.load_result is not None
    assert (again.load_result.refreshed, again.load_result.written) == (1, 2)
    late = house.load(
        "products", "b4", products(product("B"), product("B", product_id="2"), name="late.csv", minutes=3)
    )
    assert late.counts == {"read": 2, "stale": 2}
    assert house.values("products", "product_name", "source_file", "batch_id") == [
        ("A", "3.csv", "b3"),
        ("A", "3.csv", "b3"),
    ]


def test_without_a_version_column_the_file_time_decides(house: House) -> None:
    house.load("products", "b1", products(product("New"), minutes=5))
    assert house.load("products", "b2", products(product("Old"), name="old.csv", minutes=4)).counts == {
        "read": 1,
        "stale": 1,
    }
    assert house.load("products", "b3", products(product("Newest"), minutes=6)).counts == {"read": 1, "updated": 1}
    assert names(house) == ["Newest"]


def test_duplicates_of_a_key_that_the_table_has_are_counted_once_each(house: House) -> None:
    house.load("orders", "b1", orders(order("1")))
    later = orders(order("2", hour=12), order("3", hour=13), order("1"), minutes=1)
    assert house.load("orders", "b2", later).counts == {"read": 3, "updated": 1, "duplicates": 2}
    assert amounts(house) == [3.0]


def test_a_key_whose_date_changes_moves_to_the_other_partition(house: House) -> None:
    house.load(
        "orders", "b1", orders(order("1"), order("1", order_id="11"), order("1", order_id="12", date="2025-04-02"))
    )
    moved = [
        order("2", hour=12, date="2025-04-02"),
        order("2", hour=12, order_id="12", date="2025-04-01"),
        order("1", order_id="13"),
    ]
    assert house.load("orders", "b2", orders(*moved, minutes=1)).counts == {"read": 3, "inserted": 1, "updated": 2}
    assert house.values("orders", "order_id", "date", "total_amount") == [
        (10, "2025-04-02", 2.0),
        (11, "2025-04-01", 1.0),
        (12, "2025-04-01", 2.0),
        (13, "2025-04-01", 1.0),
    ]


def test_a_product_whose_department_changes_moves_and_never_doubles(house: House) -> None:
    house.load("products", "b1", products(product("A"), product("B", product_id="2")))
    assert house.load("products", "b2", products(product("A", department_id="9"), minutes=1)).counts == {
        "read": 1,
        "updated": 1,
    }
    assert house.values("products", "product_id", "department_id") == [(1, 9), (2, 2)]


def test_keys_far_from_each_other_are_found_in_the_table(house: House) -> None:
    """A look-up by ranges of keys must not miss one that stands alone."""
    keys = [str(number * 50_000_000) for number in range(40)] + ["2147483647"]
    house.load("orders", "b1", orders(*(order("1", order_id=key) for key in [*keys, "70000"])))
    loaded = house.load("orders", "b2", orders(*(order("2", order_id=key) for key in [*keys, "6000"]), minutes=1))
    assert loaded.counts == {"read": 42, "inserted": 1, "updated": 41}
    assert sorted(amounts(house)) == [1.0] + [2.0] * 42


def test_a_repeat_of_everything_changes_no_value_and_says_which_file_said_it_last(house: House) -> None:
    def everything(batch: str, minutes: int) -> dict[str, Loaded]:
        files: dict[str, list[Given]] = {}
        for dataset in house.contracts:
            rows = [row(dataset), row(dataset), ("too", "few"), ("", *row(dataset)[1:])]
            content = f"content of {dataset}"
            text = rows_file(dataset, *rows).text
            files[dataset] = [Given(f"{batch}.csv", text, minutes, content=content, seen_before=minutes > 0)]
        return house.batch(batch, **files)

    def values() -> dict[str, list[Any]]:
        return {
            dataset: [
                house.values(dataset, *house.contracts[dataset].names),
                [(r["record_id"], r["raw"], r["reasons"]) for r in house.rejects(dataset)],
            ]
            for dataset in house.contracts
        }

    everything("b1", 0)
    before = values()
    again = everything("b2", 7)
    expected = {"read": 4, "unchanged": 1, "duplicates": 1, "rejected": 2}
    assert {dataset: loaded.counts for dataset, loaded in again.items()} == dict.fromkeys(house.contracts, expected)
    assert values() == before
    for dataset in house.contracts:
        assert house.values(dataset, "source_file", "batch_id") == [("b2.csv", "b2")]
        assert {(r["source_file"], r["batch_id"]) for r in house.rejects(dataset)} == {("b2.csv", "b2")}


def test_the_records_of_one_content_are_kept_once_under_whatever_name_it_comes(house: House) -> None:
    text = rows_file("order_items", row("order_items"), row("order_items", id="x")).text
    house.load("order_items", "b1", Given("first.csv", text, content="c"))
    again = house.load("order_items", "b2", Given("again.csv", text, 5, content="c", seen_before=True))
    assert (again.counts, again.rejected) == ({"read": 2, "rejected": 2}, 2)
    assert [(record["source_file"], record["waiting"]) for record in house.rejects("order_items")] == [
        ("again.csv", True),
        ("again.csv", False),
    ]
    late = house.load("order_items", "b3", Given("late.csv", text, 3, content="c", seen_before=True))
    assert late.counts == {"read": 2, "rejected": 2}
    assert [record["source_file"] for record in house.rejects("order_items")] == ["again.csv", "again.csv"]
