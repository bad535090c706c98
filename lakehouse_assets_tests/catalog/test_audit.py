"""The tables against the batches' own records: what each batch left is sound, and each thing that someone breaks behind
its back is found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable, QueryBuilder, write_deltalake

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.audit import RESOLVED, ROWS_BY_FILE, TRANSACTIONS, WAITING, WHAT_TO_DO, Audit
from lakehouse_assets.catalog.checks import CheckResult
from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets.errors import BadData
from lakehouse_assets.local.bootstrap import bootstrap
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.support import (
    append_behind_its_back,
    delta_versions,
    freeze,
    item,
    items_csv,
    load_all,
    order,
    orders_csv,
    product,
    products_csv,
    put,
    put_one_of_each,
    ran,
    run,
)


def audited(lakehouse: Lakehouse) -> dict[tuple[str, str], CheckResult]:
    audit = Audit(lakehouse.contracts, lakehouse.zone, lakehouse.tables, lakehouse.settings.memory_mb)
    return {(dataset, result.check): result for dataset, results in audit.results().items() for result in results}


def failed(lakehouse: Lakehouse) -> dict[tuple[str, str], dict[str, int]]:
    """The numbers of the checks that did not pass."""
    return {name: result.numbers for name, result in audited(lakehouse).items() if not result.passed}


def two_batches(lakehouse: Lakehouse) -> list[str]:
    """A row is rejected and two items wait; then comes the order that one of them waited for, and a correction."""
    put(lakehouse, "raw/products/p.csv", products_csv(product(1), product(2), product("x")))
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1), order(2)))
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1), item(2, 3, 1), item(3, 4, 1)))
    first = ran(lakehouse)
    put(lakehouse, "raw/orders/late.csv", orders_csv(order(3), order(1, amount=99, hour=12)))
    return [first["batch_id"], ran(lakehouse)["batch_id"]]


@pytest.fixture(scope="module")
def filled(lakehouse_home: Path, lakehouse_aws: EmbeddedAws) -> tuple[Lakehouse, list[str]]:
    """A lakehouse for the whole module, and its two batches."""
    made = Lakehouse(own_settings(lakehouse_home), Aws(lakehouse_aws.environment()))
    bootstrap(made.settings, made.aws)
    return made, two_batches(made)


@pytest.fixture
def batches(filled: tuple[Lakehouse, list[str]]) -> list[str]:
    return filled[1]


@pytest.fixture
def house(filled: tuple[Lakehouse, list[str]]) -> Iterator[Lakehouse]:
    """As its batches left it: what a test breaks is restored."""
    versions = delta_versions(filled[0])
    yield filled[0]
    for uri, version in delta_versions(filled[0]).items():
        if version != versions[uri]:
            DeltaTable(uri, storage_options=filled[0].tables.storage_options).restore(versions[uri])


def test_what_batches_left_is_sound(house: Lakehouse, batches: list[str]) -> None:
    found = audited(house)
    assert failed(house) == {}
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
def test_rows_that_no_batch_wrote_are_found(house: Lakehouse, changed: dict[str, str], numbers: dict[str, int]) -> None:
    """The copies of the last case: late.csv had 2 rows and now has 4 in the table; o.csv had 2, of which 1 was left,
    and has 2."""
    append_behind_its_back(house, "orders", order_id="CAST(order_id + 100 AS INT)", **changed)
    assert failed(house) == {("orders", ROWS_BY_FILE): numbers}


def test_rows_of_another_file_than_the_batch_had_are_found(house: Lakehouse, batches: list[str]) -> None:
    append_behind_its_back(
        house,
        "orders",
        order_id="CAST(order_id + 100 AS INT)",
        batch_id=f"'{batches[0]}'",
        source_file="'raw/orders/late.csv'",
    )
    assert failed(house) == {("orders", ROWS_BY_FILE): {"rows": 6, "unknown": 0, "more": 3}}


def test_a_table_that_was_made_anew_lacks_what_a_batch_wrote(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    batch_id = ran(lakehouse)["batch_id"]
    uri, options = lakehouse.tables.table("orders"), lakehouse.tables.storage_options
    with duckdb.connect() as connection:
        there = QueryBuilder().register("t", DeltaTable(uri, storage_options=options)).execute("SELECT * FROM t")
        connection.register("there", there).execute("CREATE TABLE kept AS SELECT * FROM there")
        lakehouse.zone.store.delete_all(f"{lakehouse.settings.tables_prefix}orders/")
        write_deltalake(uri, connection.sql("SELECT * FROM kept"), storage_options=options)
    assert failed(lakehouse) == {("orders", TRANSACTIONS): {"batches": 1, "lost": 1}}
    assert batch_id in audited(lakehouse)["orders", TRANSACTIONS].message


def test_a_record_that_waits_for_a_parent_that_is_there_is_found(house: Lakehouse) -> None:
    append_behind_its_back(house, "orders", order_id="CAST(order_id + 1 AS INT)")
    assert failed(house)["order_items", WAITING] == {"waiting": 1, "ready": 1}


def test_while_a_batch_is_under_way_a_record_that_is_to_be_tried_again_is_no_fault(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 4, 1)))
    ran(lakehouse)
    put(lakehouse, "raw/orders/last.csv", orders_csv(order(4)))
    batch = freeze(lakehouse)
    batch.load("orders")
    found = audited(lakehouse)
    assert {name for name, result in found.items() if not result.passed} == {("order_items", WAITING)}
    assert not found["order_items", WAITING].severe
    load_all(batch)
    assert failed(lakehouse) == {}


def test_a_record_that_is_healed_and_not_in_the_table_is_found(house: Lakehouse) -> None:
    DeltaTable(house.tables.table("order_items"), storage_options=house.tables.storage_options).delete("id = 2")
    assert failed(house) == {("order_items", RESOLVED): {"resolved": 1, "absent": 1}}


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
