"""The tables against the batches' own records: what each batch left is sound, and each thing that someone breaks behind
its back is found."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from deltalake import DeltaTable, QueryBuilder, write_deltalake

from lakehouse_assets.catalog.audit import RESOLVED, ROWS_BY_FILE, TRANSACTIONS, WAITING, WHAT_TO_DO, Audit
from lakehouse_assets.catalog.checks import CheckResult
from lakehouse_assets.errors import BadData
from lakehouse_assets.lakehouse import Lakehouse
from lakehouse_assets_tests.support import append_behind_its_back, freeze, item, items_csv, load_all, order, orders_csv, product, products_csv, put, ran, run


def audited(lakehouse: Lakehouse) -> dict[tuple[str, str], CheckResult]:
    audit = Audit(lakehouse.contracts, lakehouse.zone, lakehouse.tables, lakehouse.settings.memory_mb)
    return {(dataset, result.check): result for dataset, results in audit.results().items() for result in results}


def failed(lakehouse: Lakehouse) -> dict[tuple[str, str], dict[str, int]]:
    """The numbers of the checks that did not pass."""
    return {name: result.numbers for name, result in audited(lakehouse).items() if not result.passed}


@pytest.fixture
def batches(lakehouse: Lakehouse) -> list[dict[str, Any]]:
    """Two batches: a workbook's worth of rows, of which one is rejected and two wait; then the order that one of the
    two waited for, and a correction."""
    put(lakehouse, "raw/products/p.csv", products_csv(product(1), product(2), product("x")))
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1), order(2)))
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1), item(2, 3, 1), item(3, 4, 1)))
    first = ran(lakehouse)
    put(lakehouse, "raw/orders/late.csv", orders_csv(order(3), order(1, amount=99, hour=12)))
    return [first, ran(lakehouse)]


def test_what_batches_left_is_sound(lakehouse: Lakehouse, batches: list[dict[str, Any]]) -> None:
    found = audited(lakehouse)
    assert failed(lakehouse) == {}
    assert found["orders", ROWS_BY_FILE].numbers == {"rows": 3, "unknown": 0, "more": 0}
    assert found["orders", TRANSACTIONS].numbers == {"batches": 2, "lost": 0}
    assert found["order_items", WAITING].numbers == {"waiting": 1, "ready": 0}
    assert found["order_items", RESOLVED].numbers == {"resolved": 1, "absent": 0}
    assert ("products", WAITING) not in found


def test_before_the_first_batch_there_is_nothing_wrong(lakehouse: Lakehouse) -> None:
    assert failed(lakehouse) == {}


@pytest.mark.parametrize(
    ("changed", "numbers"),
    [
        ({"batch_id": "'nobody'"}, {"rows": 6, "unknown": 3, "more": 0}),
        ({"source_file": "'raw/orders/elsewhere.csv'"}, {"rows": 6, "unknown": 3, "more": 0}),
        ({}, {"rows": 6, "unknown": 0, "more": 2}),
    ],
    ids=["of an unknown batch", "of an unknown file", "more than the file had"],
)
@pytest.mark.usefixtures("batches")
def test_rows_that_no_batch_wrote_are_found(lakehouse: Lakehouse, changed: dict[str, str], numbers: dict[str, int]) -> None:
    """The copies of the last case: late.csv had 2 rows and now has 4 in the table; o.csv had 2, of which 1 was left,
    and has 2."""
    append_behind_its_back(lakehouse, "orders", order_id="CAST(order_id + 100 AS INT)", **changed)
    assert failed(lakehouse) == {("orders", ROWS_BY_FILE): numbers}


def test_rows_of_another_file_than_the_batch_had_are_found(lakehouse: Lakehouse, batches: list[dict[str, Any]]) -> None:
    append_behind_its_back(
        lakehouse, "orders", order_id="CAST(order_id + 100 AS INT)", batch_id=f"'{batches[0]['batch_id']}'", source_file="'raw/orders/late.csv'"
    )
    assert failed(lakehouse) == {("orders", ROWS_BY_FILE): {"rows": 6, "unknown": 0, "more": 3}}


def test_a_table_that_was_restored_lacks_what_a_batch_wrote(lakehouse: Lakehouse, batches: list[dict[str, Any]]) -> None:
    uri, options = lakehouse.tables.table("orders"), lakehouse.tables.storage_options
    with duckdb.connect() as connection:
        connection.register("found", QueryBuilder().register("t", DeltaTable(uri, storage_options=options)).execute("SELECT * FROM t"))
        rows = connection.execute("CREATE TABLE kept AS SELECT * FROM found").sql("SELECT * FROM kept")
        lakehouse.zone.store.delete_all(f"{lakehouse.settings.tables_prefix}orders/")
        write_deltalake(uri, rows, storage_options=options)
    assert failed(lakehouse) == {("orders", TRANSACTIONS): {"batches": 2, "lost": 2}}
    assert all(report["batch_id"] in audited(lakehouse)["orders", TRANSACTIONS].message for report in batches)


@pytest.mark.usefixtures("batches")
def test_a_record_that_waits_for_a_parent_that_is_there_is_found(lakehouse: Lakehouse) -> None:
    append_behind_its_back(lakehouse, "orders", order_id="CAST(order_id + 1 AS INT)")
    assert failed(lakehouse)["order_items", WAITING] == {"waiting": 1, "ready": 1}


@pytest.mark.usefixtures("batches")
def test_while_a_batch_is_under_way_a_record_that_is_to_be_tried_again_is_no_fault(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/orders/last.csv", orders_csv(order(4)))
    manifest = freeze(lakehouse)
    lakehouse.load("orders", manifest)
    found = audited(lakehouse)
    assert {name for name, result in found.items() if not result.passed} == {("order_items", WAITING)}
    assert not found["order_items", WAITING].severe
    load_all(lakehouse, manifest)
    assert failed(lakehouse) == {}


@pytest.mark.usefixtures("batches")
def test_a_record_that_is_healed_and_not_in_the_table_is_found(lakehouse: Lakehouse) -> None:
    DeltaTable(lakehouse.tables.table("order_items"), storage_options=lakehouse.tables.storage_options).delete("id = 2")
    assert failed(lakehouse) == {("order_items", RESOLVED): {"resolved": 1, "absent": 1}}


def test_a_batch_that_failed_is_no_stranger(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product("x")))
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1)))
    with pytest.raises(BadData, match="above the limit"):
        run(lakehouse)
    assert failed(lakehouse) == {}
    lakehouse.take_lease(print)
    lakehouse.abandon("given up")
    assert failed(lakehouse) == {}


def test_for_each_question_it_is_said_what_to_do() -> None:
    assert WHAT_TO_DO.keys() == {ROWS_BY_FILE, TRANSACTIONS, WAITING, RESOLVED}
