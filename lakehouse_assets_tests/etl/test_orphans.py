"""An item that comes before its order or its product waits, and is healed by itself when the last missing parent comes,
in whichever batch.
"""

from __future__ import annotations

from typing import Any

from lakehouse_assets_tests.etl.support import Given, House, row, rows_file

NO_ORDER, NO_PRODUCT = "order_id: no such orders.order_id", "product_id: no such products.product_id"


def item(*, minutes: int = 0, name: str = "items.csv", **changed: str) -> list[Given]:
    return [rows_file("order_items", row("order_items", **changed), name=name, minutes=minutes)]


def orders(*ids: str, minutes: int = 0, **changed: str) -> list[Given]:
    return [
        rows_file(
            "orders",
            *(row("orders", order_id=number, **changed) for number in ids),
            name=f"orders-{minutes}.csv",
            minutes=minutes,
        )
    ]


def products(*ids: str, minutes: int = 0, **changed: str) -> list[Given]:
    return [
        rows_file(
            "products",
            *(row("products", product_id=number, **changed) for number in ids),
            name=f"products-{minutes}.csv",
            minutes=minutes,
        )
    ]


def record(house: House) -> dict[str, Any]:
    """The one rejected item."""
    [found] = house.rejects("order_items")
    return found


def fates(house: House) -> dict[str, tuple[list[str], bool, str | None]]:
    """The rejected items: of each, by its id, its reasons, whether it waits, and the batch that healed it."""
    return {
        record["raw"]["id"]: (record["reasons"], record["waiting"], record["healed_by"])
        for record in house.rejects("order_items")
    }


def outcome(record: dict[str, Any]) -> tuple[bool, str | None, str | None, str | None]:
    return record["waiting"], record["healed_by"], record["resolved_by"], record["resolution"]


def test_an_item_in_the_batch_of_its_parents_is_no_orphan(house: House) -> None:
    loaded = house.batch("b1", order_items=item(), orders=orders("10"), products=products("1"))
    assert loaded["order_items"].counts == {"read": 1, "inserted": 1}


def test_early_items_wait_for_their_last_parent_and_are_healed(house: House) -> None:
    """One comes before its order, one before its product, two before both; the parents of one of these two come one by
    one, those of the other at once.
    """
    early = {"100": ("10", "1"), "101": ("11", "2"), "102": ("12", "3"), "103": ("13", "4")}
    files = [
        rows_file(
            "order_items",
            *(row("order_items", id=key, order_id=of, product_id=what) for key, (of, what) in early.items()),
            name="early.csv",
        )
    ]
    arriving = house.batch("b1", order_items=files, orders=orders("11"), products=products("1"))["order_items"]
    assert arriving.counts == {"read": 4, "rejected": 4}
    assert arriving.load_result is not None
    assert arriving.load_result.reasons == {NO_ORDER: 3, NO_PRODUCT: 3}
    assert fates(house) == {
        "100": ([NO_ORDER], True, None),
        "101": ([NO_PRODUCT], True, None),
        "102": ([NO_ORDER, NO_PRODUCT], True, None),
        "103": ([NO_ORDER, NO_PRODUCT], True, None),
    }
    versions = house.versions()["order_items"]
    assert (
        house.batch("b2", products=products("77", minutes=2), orders=orders("77", minutes=2))["order_items"].counts
        == {}
    ), "parents that no one waits for"
    assert house.versions()["order_items"] == versions

    healing = house.batch("b3", orders=orders("10", "12"))["order_items"]
    assert healing.counts == {"retried": 2, "inserted": 1, "rejected": 1}
    assert healing.load_result is not None
    assert healing.load_result.healed == 1
    assert house.values("order_items", "id", "batch_id", "source_file") == [(100, "b3", "early.csv")]
    assert fates(house)["100"] == ([NO_ORDER], False, "b3")
    assert fates(house)["102"] == ([NO_PRODUCT], True, None)
    assert house.versions()["order_items"] == (versions[0] + 1, versions[1] + 1)
    assert house.batch("b4", orders=orders("10", minutes=5, total_amount="99"))["order_items"].counts == {}, (
        "a correction of a parent that was not missing"
    )
    assert house.versions()["order_items"] == (versions[0] + 1, versions[1] + 1)

    last = {"orders": orders("13"), "products": products("2", "3", "4")}
    healing = house.batch("b5", **last)["order_items"]
    assert healing.counts == {"retried": 3, "inserted": 3}
    assert healing.load_result is not None
    assert healing.load_result.healed == 3
    healed_in = [(100, "b3"), (101, "b5"), (102, "b5"), (103, "b5")]
    assert house.values("order_items", "id", "batch_id", "source_file") == [
        (key, batch, "early.csv") for key, batch in healed_in
    ]
    assert fates(house) == {
        "100": ([NO_ORDER], False, "b3"),
        "101": ([NO_PRODUCT], False, "b5"),
        "102": ([NO_PRODUCT], False, "b5"),
        "103": ([NO_ORDER, NO_PRODUCT], False, "b5"),
    }
    assert house.versions()["order_items"] == (versions[0] + 2, versions[1] + 2)
    assert house.batch("b6", **last)["order_items"].counts == {}


def test_a_parent_rejected_in_the_same_batch_is_no_parent(house: House) -> None:
    loaded = house.batch("b1", order_items=item(), products=products("1"), orders=orders("10", total_amount="-1"))
    assert loaded["order_items"].counts == {"read": 1, "rejected": 1}
    assert record(house)["reasons"] == [NO_ORDER]
    assert house.batch("b2", orders=orders("10", minutes=3))["order_items"].counts == {"retried": 1, "inserted": 1}


def test_a_spoiled_item_is_not_called_an_orphan_and_does_not_wait(house: House) -> None:
    """Nor is one that does not say which parents are its."""
    spoiled = [row("order_items", reordered="7"), row("order_items", id="101", order_id="", product_id="?")]
    house.batch("b1", order_items=[rows_file("order_items", *spoiled)])
    assert fates(house) == {
        "100": (["reordered: not an allowed value"], False, None),
        "101": (["order_id: required", "product_id: not int"], False, None),
    }
    assert house.batch("b2", orders=orders("10"), products=products("1"))["order_items"].counts == {}


def test_a_waiting_item_does_not_beat_what_came_after_it(house: House) -> None:
    """It is resolved when the newer row of its key is accepted, and not tried again."""
    house.batch("b1", order_items=item(minutes=1, user_id="1", name="early.csv"))
    corrected = house.batch(
        "b2",
        order_items=item(minutes=2, user_id="2", name="late.csv", order_id="11"),
        orders=orders("11"),
        products=products("1"),
    )
    assert corrected["order_items"].load_result is not None
    assert corrected["order_items"].load_result.resolved == 1
    assert house.batch("b3", orders=orders("10", minutes=3))["order_items"].counts == {}
    assert house.values("order_items", "user_id", "source_file") == [(2, "late.csv")]
    assert outcome(record(house)) == (False, None, "b2", "corrected")


def test_a_newer_row_that_waits_beats_the_older_one_in_the_table_when_it_heals(house: House) -> None:
    house.batch("b1", order_items=item(minutes=1, user_id="1"), orders=orders("10"), products=products("1"))
    house.load("order_items", "b2", *item(minutes=2, user_id="2", name="waits.csv", order_id="11"))
    healing = house.batch("b3", orders=orders("11", minutes=3))["order_items"]
    assert healing.counts == {"retried": 1, "updated": 1}
    assert house.values("order_items", "user_id", "source_file") == [(2, "waits.csv")]
    assert outcome(record(house)) == (False, "b3", "b3", "healed")


def test_what_is_right_again_wins_over_the_mistake_though_both_wait(house: House) -> None:
    """A, B, A: the first file comes once more, as it was; its waiting records are those of the file that said them
    last.
    """
    right, wrong = (
        rows_file("order_items", row("order_items", user_id=user), row("order_items", id="101", user_id=user)).text
        for user in "12"
    )
    for number, (text, content) in enumerate([(right, "right"), (wrong, "wrong"), (right, "right")], start=1):
        house.load(
            "order_items", f"b{number}", Given(f"{number}.csv", text, number, content=content, seen_before=number == 3)
        )
    healing = house.batch("b4", orders=orders("10"), products=products("1"))["order_items"]
    assert healing.counts == {"retried": 4, "inserted": 2, "duplicates": 2}
    assert house.values("order_items", "user_id", "source_file") == [(1, "3.csv"), (1, "3.csv")]
    assert [outcome(r) for r in house.rejects("order_items")] == [(False, None, "b4", "corrected")] * 2 + [
        (False, "b4", "b4", "healed")
    ] * 2


def test_what_waited_and_comes_again_when_its_parents_are_there_is_healed(house: House) -> None:
    """Together with the parents, or after a batch that brought none of its own."""
    text = rows_file("order_items", row("order_items")).text
    house.load("order_items", "b1", Given("1.csv", text, 1, content="c"))
    again = [Given("2.csv", text, 2, content="c", seen_before=True)]
    loaded = house.batch("b2", order_items=again, orders=orders("10"), products=products("1"))["order_items"]
    assert loaded.counts == {"read": 1, "inserted": 1}
    assert house.values("order_items", "source_file") == [("2.csv",)]
    assert outcome(record(house)) == (False, "b2", "b2", "healed")


def test_a_rejected_row_is_resolved_by_a_newer_row_of_its_key(house: House) -> None:
    """By one of the same file further down, of another file of the batch, of a later batch; not by an older one, nor
    one of another key.
    """
    spoiled = [row("orders", order_id=str(number), total_amount="?") for number in range(1, 7)]
    same_file = rows_file(
        "orders",
        *spoiled,
        row("orders", order_id="1"),
        ("x", "not a number", *row("orders")[2:]),
        name="a.csv",
        minutes=2,
    )
    house.load("orders", "b1", same_file, rows_file("orders", row("orders", order_id="2"), name="b.csv", minutes=3))
    older = row("orders", order_id="5", order_timestamp="2025-03-01T00:00:00")
    house.load(
        "orders",
        "b2",
        rows_file("orders", row("orders", order_id="3"), row("orders", order_id="7"), older, name="c.csv", minutes=4),
    )
    house.load("orders", "b3", rows_file("orders", row("orders", order_id="4"), name="older.csv", minutes=1))
    found = {record["raw"]["order_id"]: outcome(record) for record in house.rejects("orders")}
    is_open = (False, None, None, None)
    corrected = {"1": "b1", "2": "b1", "3": "b2"}
    assert found == {number: (False, None, batch, "corrected") for number, batch in corrected.items()} | dict.fromkeys(
        ("4", "5", "6", "not a number"), is_open
    )


def test_a_rejected_row_that_comes_again_is_open_again(house: House) -> None:
    text = rows_file("orders", row("orders", total_amount="?")).text
    house.load("orders", "b1", Given("1.csv", text, 1, content="c"))
    house.load("orders", "b2", *orders("10", minutes=2))
    assert [outcome(r) for r in house.rejects("orders")] == [(False, None, "b2", "corrected")]
    house.load("orders", "b3", Given("3.csv", text, 3, content="c", seen_before=True))
    assert [(*outcome(r), r["source_file"], r["batch_id"]) for r in house.rejects("orders")] == [
        (False, None, None, None, "3.csv", "b3")
    ]


def test_orphans_of_one_key_compete_when_they_heal(house: House) -> None:
    house.batch("b1", order_items=item(minutes=1, user_id="1", name="a.csv"))
    assert fates(house) == {"100": ([NO_ORDER, NO_PRODUCT], True, None)}, "the tables of its parents have no rows"
    house.batch("b2", order_items=item(minutes=3, user_id="3", name="c.csv"))
    third = item(minutes=2, user_id="2", name="b.csv")
    healing = house.batch("b3", order_items=third, orders=orders("10"), products=products("1"))["order_items"]
    assert healing.counts == {"read": 1, "retried": 2, "inserted": 1, "duplicates": 2}
    assert house.values("order_items", "user_id", "source_file") == [(3, "c.csv")]
    assert [outcome(r) for r in house.rejects("order_items")] == [
        (False, None, "b3", "corrected"),
        (False, "b3", "b3", "healed"),
    ]


def test_an_orphan_beats_an_older_file_of_the_batch_in_which_it_heals(house: House) -> None:
    house.batch("b1", order_items=item(), orders=orders("10"), products=products("1"))
    house.batch("b2", order_items=item(minutes=2, order_id="11", name="waits.csv"))
    house.batch("b3", order_items=item(minutes=1, order_id="11", name="late.csv"), orders=orders("11"))
    assert house.values("order_items", "order_id", "source_file") == [(11, "waits.csv")]
    assert outcome(record(house)) == (False, "b3", "b3", "healed")


def test_orphans_from_ragged_neighbours_and_extra_columns_heal_with_their_values(house: House) -> None:
    header = (
        "note",
        "id",
        "order_id",
        "user_id",
        "product_id",
        "add_to_cart_order",
        "reordered",
        "order_timestamp",
        "date",
    )
    fields = ('say "hi", twice', "100", " 10 ", "5", "+1", "1", "0", "2025-04-01T11:27:00+00:00", "2025-04-01")
    given = rows_file("order_items", ("short",), fields, name="odd.csv", header=header)
    assert house.batch("b1", order_items=[given])["order_items"].counts == {"read": 2, "rejected": 2}
    assert [r["waiting"] for r in house.rejects("order_items")] == [False, True]
    assert house.rejects("order_items")[1]["raw"] == dict(zip(header, fields, strict=True))
    assert house.batch("b2", orders=orders("10"), products=products("1"))["order_items"].counts == {
        "retried": 1,
        "inserted": 1,
    }
    assert house.values("order_items", "id", "product_id", "days_since_prior_order") == [(100, 1, None)]


def test_parents_that_an_abandoned_batch_brought_heal_orphans_in_the_next_one(house: House) -> None:
    house.load("order_items", "b1", *item())
    house.load("orders", "given up", *orders("10"))
    house.load("products", "given up", *products("1"))
    assert house.load("order_items", "b2").counts == {}
    assert house.load("order_items", "b3", abandoned=("given up",)).counts == {"retried": 1, "inserted": 1}
