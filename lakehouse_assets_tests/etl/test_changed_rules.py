"""A contract that is corrected before its batch goes on: each row of the batch is in the table or among the rejects, by
the rules as they are now.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import SHIPPED, read_contracts
from lakehouse_assets.errors import BadConfiguration, BadData
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets_tests.etl.support import House, row, rows_file
from lakehouse_assets_tests.support import (
    freeze,
    item,
    items_csv,
    nonzero,
    order,
    orders_csv,
    product,
    products_csv,
    put,
    ran,
    rejects,
    run,
    table_rows,
)


def contracts(folder: Path, least: int) -> Path:
    """The shipped contracts, but for the least amount of an order."""
    found = folder / f"at least {least}"
    found.mkdir(exist_ok=True)
    for path in SHIPPED.glob("*.odcs.yaml"):
        document = yaml.safe_load(path.read_text("utf-8"))
        for column in document["schema"][0]["properties"]:
            if column["name"] == "total_amount":
                column["logicalTypeOptions"]["minimum"] = least
        (found / path.name).write_text(yaml.safe_dump(document), "utf-8")
    return found


def with_least_amount(lakehouse: Lakehouse, folder: Path, least: int, limit: float = 1.0) -> Lakehouse:
    changed = {"contracts": contracts(folder, least), "reject_limit": limit}
    return Lakehouse(lakehouse.settings.model_copy(update=changed), lakehouse.aws)


AMOUNTS = {1: -3, 2: 1, 3: 9, 4: -2}


@pytest.mark.parametrize(
    ("rules", "in_table"), [((5,), [3]), ((-100,), [1, 2, 3, 4]), ((0,), [2, 3]), ((5, 0), [2, 3]), ((5, -2, 5), [3])]
)
def test_every_row_is_in_one_place_whatever_the_rules_become(
    lakehouse: Lakehouse, tmp_path: Path, rules: tuple[int, ...], in_table: list[int]
) -> None:
    put(lakehouse, "raw/orders/o.csv", orders_csv(*(order(number, amount) for number, amount in AMOUNTS.items())))
    for least in (0, *rules[:-1]):
        with pytest.raises(BadData, match="above the limit"):
            run(with_least_amount(lakehouse, tmp_path, least, limit=0))
    for _ in range(2):
        report = run(with_least_amount(lakehouse, tmp_path, rules[-1]))
        assert report is None or nonzero(report["datasets"]["orders"])["inserted"] == len(in_table)
    assert [number for (number,) in table_rows(lakehouse, "orders", "order_id")] == in_table
    assert sorted(int(record["raw"]["order_id"]) for record in rejects(lakehouse, "orders")) == sorted(
        AMOUNTS.keys() - set(in_table)
    )


def test_a_former_batch_keeps_its_rejects(lakehouse: Lakehouse, tmp_path: Path) -> None:
    put(lakehouse, "raw/orders/former.csv", orders_csv(order(7, -1), order(8)))
    ran(lakehouse)
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1, -3), order(2)))
    with pytest.raises(BadData, match="above the limit"):
        run(with_least_amount(lakehouse, tmp_path, 0, limit=0))
    ran(with_least_amount(lakehouse, tmp_path, -5))
    assert [record["raw"]["order_id"] for record in rejects(lakehouse, "orders")] == ["7"]


def test_what_was_merged_stands_though_the_rules_were_changed_before_the_batch_ended(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1, 3), order(2, -3)))
    batch = freeze(lakehouse)
    first = batch.load("orders")
    as_if_it_had_stopped_after_the_merge(lakehouse, "orders")
    for least in (5, -5):
        assert with_least_amount(lakehouse, tmp_path, least).batch(batch.id).load("orders") == first
        as_if_it_had_stopped_after_the_merge(lakehouse, "orders")
    assert table_rows(lakehouse, "orders", "order_id") == [(1,)]
    assert [record["raw"]["order_id"] for record in rejects(lakehouse, "orders")] == ["2"]


def test_orphans_are_not_marked_by_other_rules_than_they_were_merged_by(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1)))
    ran(lakehouse)
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1)))
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    batch = freeze(lakehouse)
    for dataset in lakehouse.contracts:
        batch.load(dataset)
    as_if_it_had_stopped_after_the_merge(lakehouse, "order_items", rules="others")
    with pytest.raises(
        BadConfiguration, match=r"order_items: the contract, or this program, was changed after batch .*"
    ):
        batch.load("order_items")


def as_if_it_had_stopped_after_the_merge(lakehouse: Lakehouse, dataset: str, **recorded: str) -> None:
    batch = lakehouse.open_batch()
    assert batch is not None
    key = lakehouse.zone.load_result_key(batch.id, dataset)
    found = lakehouse.zone.store.get_json(key)
    assert found is not None
    lakehouse.zone.store.put_json(key, {**found, "merged": False, **recorded})


def test_rejects_by_new_rules_take_the_place_of_those_by_the_old_ones(engine: Engine, tmp_path: Path) -> None:
    def house(least: int) -> House:
        return House(engine, tmp_path, read_contracts(contracts(tmp_path, least)))

    file = rows_file(
        "orders",
        row("orders", order_id="1", total_amount="-3"),
        row("orders", order_id="2", total_amount="1"),
        row("orders", order_id="x"),
    )
    house(0).load("orders", "b0", rows_file("orders", row("orders", order_id="y")))
    house(0).load("orders", "b1", file, until="write_rejects")
    for _ in range(2):
        house(5).load("orders", "b1", file, until="write_rejects", revision=1)
        assert sorted(record["raw"]["order_id"] for record in house(5).rejects("orders")) == ["1", "2", "x", "y"]
    house(-5).load("orders", "b1", file, revision=2)
    assert sorted(record["raw"]["order_id"] for record in house(-5).rejects("orders")) == ["x", "y"]
    assert house(-5).values("orders", "order_id") == [(1,), (2,)]
