"""Trino reads each table and each of rejected records, whatever wrote it last, and finds the rows that the embedded
Athena and delta-rs find.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from deltalake import DeltaTable

from aws_deploy.acceptance.answers import Answer
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets.errors import BadData
from lakehouse_assets.quoting import sql_literal
from lakehouse_assets_tests.catalog.test_glue import crawl
from lakehouse_assets_tests.etl.kinds import NAMES, kinds_contract
from lakehouse_assets_tests.spark import on_spark
from lakehouse_assets_tests.support import (
    csv_text,
    item,
    items_csv,
    order,
    orders_csv,
    product,
    products_csv,
    put,
    ran,
    run,
    table_rows,
)
from lakehouse_assets_tests.test_odd_contracts import house
from lakehouse_assets_tests.trino.asking import ask_athena, ask_trino
from lakehouse_assets_tests.trino.server import Server

pytestmark = pytest.mark.trino

PARTITIONS = (
    "a b",
    "100%",
    "a/b",
    "a=b",
    "it's",
    'say "x"',
    "Straße",
    "日本",
    "%20",
    "a:b?c#d&e+f",
    "\\",
    "{x}",
    "Ünïcödé / 50% = 'q'",
)
"""Values that stand in the path of a partition's files, some of them escaped."""


def rows_by_all(lakehouse: Lakehouse, trino: Server) -> dict[str, int]:
    """How many rows each table of the catalog has, after Trino and the embedded Athena gave the same ones and delta-rs
    the same number.
    """
    counts = {}
    for table in lakehouse.catalog.glue.get_tables(DatabaseName=lakehouse.settings.database)["TableList"]:
        name, location = str(table["Name"]), str(table["StorageDescriptor"]["Location"])
        if not DeltaTable.is_deltatable(location, lakehouse.tables.storage_options):
            continue
        by_trino, by_athena = (
            in_order(answer)
            for answer in (
                ask_trino(trino, lakehouse.settings.database, select(name)),
                ask_athena(lakehouse, select(name)),
            )
        )
        assert by_trino == by_athena, name
        counts[name] = len(by_trino)
        assert counts[name] == DeltaTable(location, storage_options=lakehouse.tables.storage_options).count(), name
    return counts


def table_at(lakehouse: Lakehouse, name: str) -> str:
    rejected = name.startswith("rejected_")
    return lakehouse.tables.rejects(name.removeprefix("rejected_")) if rejected else lakehouse.tables.table(name)


def select(table: str) -> str:
    return f'SELECT * FROM "{table}"'


def in_order(answer: Answer) -> list[tuple[str, ...]]:
    """Entries of a map have no order."""
    assert answer.refused is None, answer.refused
    return sorted(
        tuple("NULL" if value is None else "".join(sorted(value)) if value.startswith("{") else value for value in row)
        for row in answer.rows
    )


def load_with_rejects(lakehouse: Lakehouse) -> None:
    """Two batches: rows of three days, rejected ones of each dataset, an item that waits for its order; then rows that
    change, two into another partition.
    """
    put(
        lakehouse,
        "raw/products/p.csv",
        products_csv(product(1), product(2, "Ünïcödé; \"quoted\", 'x'", 3), product("x")),
    )
    put(
        lakehouse,
        "raw/orders/o.csv",
        orders_csv(order(1), order(2, day="2025-04-02"), order(3, day="2025-04-03"), order("y")),
    )
    put(
        lakehouse,
        "raw/order_items/i.csv",
        items_csv(item(1, 1, 1), item(2, 2, 2, day="2025-04-02"), item(3, 99, 1), item("z", 1, 1)),
    )
    ran(lakehouse)
    put(
        lakehouse,
        "raw/orders/late.csv",
        orders_csv(order(1, 99.99, day="2025-04-02", hour=12), order(2, 1, day="2025-04-03", hour=12), order(99)),
    )
    put(lakehouse, "raw/products/q.csv", products_csv(product(1, department=9), product(2, department=1)))
    ran(lakehouse)


LOADED = {
    "orders": 4,
    "products": 2,
    "order_items": 3,
    "rejected_orders": 1,
    "rejected_products": 1,
    "rejected_order_items": 2,
}


def test_after_loads_that_update_move_reject_and_heal_rows(lakehouse: Lakehouse, trino: Server) -> None:
    load_with_rejects(lakehouse)
    assert rows_by_all(lakehouse, trino) == LOADED
    assert table_rows(lakehouse, "orders", "order_id", "date")[:2] == [(1, "2025-04-02"), (2, "2025-04-03")]


def test_columns_of_every_type(lakehouse_home: Path, lakehouse_aws: EmbeddedAws, trino: Server, tmp_path: Path) -> None:
    kinds_contract(tmp_path)
    loaded = house(lakehouse_aws, lakehouse_home, tmp_path, gate="any")
    values = ("-7", "2147483647", "-9223372036854775808", "-12345.67", "0.1", "0.1", "true", "a", "2025-04-01")
    other = ("7", "1", "2", "0.05", "-2.5", "-2.5", "0", "b", "1999-12-31")
    times = ("2025-04-01T11:27:00", "1999-12-31T23:59:59.123")
    put(
        loaded,
        "raw/kinds/a.csv",
        csv_text(
            NAMES, [("1", *values, times[0]), ("2", *other, times[1]), ("3", *[""] * 10), ("4", "x", *values[1:], "")]
        ),
    )
    ran(loaded)
    put(loaded, "raw/kinds/b.csv", csv_text(NAMES, [("2", *values[:3], "99999.99", *values[4:], times[0])]))
    ran(loaded)
    assert rows_by_all(loaded, trino) == {"kinds": 3, "rejected_kinds": 1}
    asked = (
        "SELECT sum(decimal_), max(decimal_), count_if(boolean_), bool_and(boolean_), sum(smallint_),"
        " count_if(decimal_ = DECIMAL '-12345.67'), count_if(float_ = REAL '0.1') FROM kinds"
    )
    by_trino, by_athena = ask_trino(trino, loaded.settings.database, asked), ask_athena(loaded, asked)
    assert by_trino.rows == by_athena.rows == (("87654.32", "99999.99", "2", "true", "-14", "1", "2"),)


def test_after_compaction_and_vacuum(lakehouse: Lakehouse, trino: Server) -> None:
    load_with_rejects(lakehouse)
    lakehouse.maintain(168)
    tables = [
        DeltaTable(table_at(lakehouse, name), storage_options=lakehouse.tables.storage_options) for name in LOADED
    ]
    assert any(table.vacuum(0, dry_run=False, enforce_retention_duration=False) for table in tables), (
        "old files must be gone"
    )
    assert rows_by_all(lakehouse, trino) == LOADED


@pytest.mark.spark
def test_after_loads_and_compaction_by_spark_with_partition_values_of_any_letters(
    lakehouse: Lakehouse, trino: Server
) -> None:
    by_spark = on_spark(lakehouse)
    load_with_rejects(by_spark)
    assert rows_by_all(lakehouse, trino) == LOADED
    put_partitions(lakehouse)
    ran(by_spark)
    by_spark.maintain(168)
    assert rows_by_all(lakehouse, trino) == LOADED | {"products": LOADED["products"] + len(PARTITIONS)}
    assert_found_by_partition(lakehouse, trino)


def test_after_a_batch_was_abandoned(lakehouse: Lakehouse, trino: Server) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    ran(lakehouse)
    strict = Lakehouse(lakehouse.settings.model_copy(update={"reject_limit": 0.5}), lakehouse.aws)
    put(lakehouse, "raw/products/bad.csv", products_csv(product(2), product("x"), product("y")))
    with pytest.raises(BadData, match="above the limit"):
        run(strict)
    strict.abandon("enough")
    assert rows_by_all(lakehouse, trino)["products"] == 1


@pytest.mark.parametrize("registered_by", ["refresh", "crawler"])
def test_partition_values_of_any_letters(lakehouse: Lakehouse, trino: Server, registered_by: str) -> None:
    put_partitions(lakehouse)
    ran(lakehouse)
    if registered_by == "crawler":
        for name in ("products", "rejected_products"):
            lakehouse.catalog.glue.delete_table(DatabaseName=lakehouse.settings.database, Name=name)
        crawl(lakehouse, "products")
    assert rows_by_all(lakehouse, trino)["products"] == len(PARTITIONS)
    assert_found_by_partition(lakehouse, trino)


def put_partitions(lakehouse: Lakehouse) -> None:
    put(
        lakehouse,
        "raw/products/partitions.csv",
        products_csv(*((number, 1, value, "Atlas") for number, value in enumerate(PARTITIONS, 101))),
    )


def assert_found_by_partition(lakehouse: Lakehouse, trino: Server) -> None:
    each = [f"SELECT department, product_id FROM products WHERE department = {sql_literal(p)}" for p in PARTITIONS]
    found = ask_trino(trino, lakehouse.settings.database, " UNION ALL ".join(each))
    assert sorted(found.rows) == sorted((value, str(number)) for number, value in enumerate(PARTITIONS, 101))


def test_the_entries_that_a_crawler_writes(lakehouse: Lakehouse, trino: Server) -> None:
    load_with_rejects(lakehouse)
    for name in LOADED:
        lakehouse.catalog.glue.delete_table(DatabaseName=lakehouse.settings.database, Name=name)
    crawl(lakehouse)
    assert rows_by_all(lakehouse, trino) == LOADED


def test_an_entry_without_a_serde_or_a_path_is_refused_by_both_in_the_same_words(
    lakehouse: Lakehouse, trino: Server
) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    ran(lakehouse)
    glue, database = lakehouse.catalog.glue, lakehouse.settings.database
    found = glue.get_table(DatabaseName=database, Name="products")["Table"]
    entry = {name: found[name] for name in ("Name", "TableType", "Parameters", "PartitionKeys", "StorageDescriptor")}
    serde = entry["StorageDescriptor"].pop("SerdeInfo")
    for storage, words in (
        ({}, "StorageDescriptor SerDeInfo is null"),
        ({"SerdeInfo": serde | {"Parameters": {"serialization.format": "1"}}}, "No path property defined for table"),
    ):
        glue.update_table(
            DatabaseName=database, TableInput=entry | {"StorageDescriptor": entry["StorageDescriptor"] | storage}
        )
        for answer in (ask_trino(trino, database, select("products")), ask_athena(lakehouse, select("products"))):
            assert answer.refused is not None
            assert words in answer.refused
