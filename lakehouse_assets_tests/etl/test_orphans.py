"""An item that comes before its order or its product waits, and is healed by itself when the last missing parent comes, in whichever batch."""

from __future__ import annotations

from typing import Any

import pytest

from lakehouse_assets_tests.etl.support import Given, House, row, rows_file

NO_ORDER, NO_PRODUCT = "order_id: no such orders.order_id", "product_id: no such products.product_id"


def item(*, minutes: int = 0, name: str = "items.csv", **changed: str) -> list[Given]:
    return [rows_file("order_items", row("order_items", **changed), name=name, minutes=minutes)]


def orders(*ids: str, minutes: int = 0, **changed: str) -> list[Given]:
    return [rows_file("orders", *(row("orders", order_id=number, **changed) for number in ids), name=f"orders-{minutes}.csv", minutes=minutes)]


def products(*ids: str, minutes: int = 0, **changed: str) -> list[Given]:
    return [rows_file("products", *(row("products", product_id=number, **changed) for number in ids), name=f"products-{minutes}.csv", minutes=minutes)]


def record(house: House) -> dict[str, Any]:
    """The one rejected item."""
    [found] = house.rejects("order_items")
    return found


def test_an_item_in_the_batch_of_its_parents_is_no_orphan(house: House) -> None:
    loaded = house.batch("b1", order_items=item(), orders=orders("10"), products=products("1"))
    assert loaded["order_items"].counts == {"read": 1, "inserted": 1}


@pytest.mark.parametrize(
    ("first", "reasons", "then"),
    [
        ({"products": products("1")}, [NO_ORDER], {"orders": orders("10", "11")}),
        ({"orders": orders("10")}, [NO_PRODUCT], {"products": products("1", "2")}),
        ({}, [NO_ORDER, NO_PRODUCT], {"orders": orders("10"), "products": products("1")}),
    ],
    ids=["before its order", "before its product", "before both"],
)
def test_an_early_item_waits_and_is_healed(house: House, first: dict[str, Any], reasons: list[str], then: dict[str, Any]) -> None:
    early = house.batch("b1", order_items=item(), **first)["order_items"]
    assert early.counts == {"read": 1, "rejected": 1}
    assert early.judgement is not None
    assert early.judgement.reasons == dict.fromkeys(reasons, 1)
    assert (record(house)["reasons"], record(house)["waiting"], record(house)["healed_by"]) == (reasons, True, None)

    quiet = house.batch("b2", products=products("77", minutes=2), orders=orders("77", minutes=2))["order_items"]
    assert quiet.counts == {}
    versions = house.versions()["order_items"]

    healing = house.batch("b3", **then)["order_items"]
    assert healing.counts == {"retried": 1, "inserted": 1}
    assert healing.judgement is not None
    assert healing.judgement.healed == 1
    assert house.values("order_items", "id", "batch_id", "source_file") == [(100, "b3", "items.csv")]
    assert (record(house)["reasons"], record(house)["waiting"], record(house)["healed_by"]) == (reasons, False, "b3")
    assert house.versions()["order_items"] == (versions[0] + 1, versions[1] + 1)

    assert house.batch("b4", **then)["order_items"].counts == {}


def test_an_item_whose_parents_come_one_by_one_waits_for_the_last(house: House) -> None:
    house.batch("b1", order_items=item())
    halfway = house.batch("b2", orders=orders("10"))["order_items"]
    assert halfway.counts == {"retried": 1, "rejected": 1}
    assert (record(house)["reasons"], record(house)["waiting"], record(house)["healed_by"]) == ([NO_PRODUCT], True, None)
    versions = house.versions()["order_items"]
    assert house.batch("b3", orders=orders("10", minutes=5, total_amount="99"))["order_items"].counts == {}, "a correction of a parent that was not missing"
    assert house.versions()["order_items"] == versions
    assert house.batch("b4", products=products("1"))["order_items"].counts == {"retried": 1, "inserted": 1}
    assert record(house)["healed_by"] == "b4"


def test_a_parent_rejected_in_the_same_batch_is_no_parent(house: House) -> None:
    loaded = house.batch("b1", order_items=item(), products=products("1"), orders=orders("10", total_amount="-1"))
    assert loaded["order_items"].counts == {"read": 1, "rejected": 1}
    assert record(house)["reasons"] == [NO_ORDER]
    assert house.batch("b2", orders=orders("10", minutes=3))["order_items"].counts == {"retried": 1, "inserted": 1}


def test_a_spoiled_item_is_not_called_an_orphan_and_does_not_wait(house: House) -> None:
    house.batch("b1", order_items=item(reordered="7"))
    assert (record(house)["reasons"], record(house)["waiting"]) == (["reordered: not an allowed value"], False)
    assert house.batch("b2", orders=orders("10"), products=products("1"))["order_items"].counts == {}


def test_an_item_without_a_parents_number_is_spoiled_not_an_orphan(house: House) -> None:
    house.batch("b1", order_items=item(order_id="", product_id="?"))
    assert (record(house)["reasons"], record(house)["waiting"]) == (["order_id: required", "product_id: not int"], False)


def test_a_healed_item_keeps_its_own_file_and_time(house: House) -> None:
    """So it does not beat what came after it."""
    house.batch("b1", order_items=item(minutes=1, user_id="1", name="early.csv"))
    house.batch("b2", order_items=item(minutes=2, user_id="2", name="late.csv", order_id="11"), orders=orders("11"), products=products("1"))
    healing = house.batch("b3", orders=orders("10", minutes=3))["order_items"]
    assert healing.counts == {"retried": 1, "stale": 1}
    assert house.values("order_items", "user_id", "source_file") == [(2, "late.csv")]
    assert (record(house)["waiting"], record(house)["healed_by"]) == (False, "b3")


def test_orphans_of_one_key_compete_when_they_heal(house: House) -> None:
    house.batch("b1", order_items=item(minutes=1, user_id="1", name="a.csv"))
    house.batch("b2", order_items=item(minutes=3, user_id="3", name="c.csv"))
    third = item(minutes=2, user_id="2", name="b.csv")
    healing = house.batch("b3", order_items=third, orders=orders("10"), products=products("1"))["order_items"]
    assert healing.counts == {"read": 1, "retried": 2, "inserted": 1, "duplicates": 2}
    assert house.values("order_items", "user_id", "source_file") == [(3, "c.csv")]
    assert [(r["waiting"], r["healed_by"]) for r in house.rejects("order_items")] == [(False, "b3"), (False, "b3")]


def test_an_orphan_that_the_table_has_already_is_settled_without_a_change(house: House) -> None:
    house.batch("b1", order_items=item(minutes=1, order_id="11"))
    house.batch("b2", order_items=item(minutes=2), orders=orders("10"), products=products("1"))
    versions = house.versions()["order_items"]
    assert house.batch("b3", orders=orders("11"))["order_items"].counts == {"retried": 1, "stale": 1}
    assert record(house)["healed_by"] == "b3"
    assert house.versions()["order_items"] == (versions[0], versions[1] + 1)


def test_orphans_from_ragged_neighbours_and_extra_columns_heal_with_their_values(house: House) -> None:
    header = ("note", "id", "order_id", "user_id", "product_id", "add_to_cart_order", "reordered", "order_timestamp", "date")
    fields = ('say "hi", twice', "100", " 10 ", "5", "+1", "1", "0", "2025-04-01T11:27:00+00:00", "2025-04-01")
    given = rows_file("order_items", ("short",), fields, name="odd.csv", header=header)
    assert house.batch("b1", order_items=[given])["order_items"].counts == {"read": 2, "rejected": 2}
    assert [r["waiting"] for r in house.rejects("order_items")] == [False, True]
    assert house.rejects("order_items")[1]["raw"] == dict(zip(header, fields, strict=True))
    assert house.batch("b2", orders=orders("10"), products=products("1"))["order_items"].counts == {"retried": 1, "inserted": 1}
    assert house.values("order_items", "id", "product_id", "days_since_prior_order") == [(100, 1, None)]
