from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import Column, Contracts, Kind
from lakehouse_assets.errors import BadConfiguration, LakehouseError
from lakehouse_assets_tests.embedded_aws.steps import wait_for
from lakehouse_assets_tests.support import (
    PRODUCTS,
    csv_text,
    freeze,
    load_all,
    product,
    products_csv,
    put,
    put_one_of_each,
    ran,
)


def entry(lakehouse: Lakehouse, name: str) -> dict[str, Any]:
    return dict(lakehouse.catalog.glue.get_table(DatabaseName=lakehouse.settings.database, Name=name)["Table"])


def columns(lakehouse: Lakehouse, name: str) -> dict[str, str]:
    return {column["Name"]: column["Type"] for column in entry(lakehouse, name)["StorageDescriptor"]["Columns"]}


def entries(lakehouse: Lakehouse) -> dict[str, dict[str, Any]]:
    tables = lakehouse.catalog.glue.get_tables(DatabaseName=lakehouse.settings.database)["TableList"]
    return {table["Name"]: table for table in sorted(tables, key=lambda table: str(table["Name"]))}


def crawl(lakehouse: Lakehouse, *datasets: str) -> None:
    """Both crawlers of a deployment, whose targets end with a slash or not: of the tables, and of the rejected records.
    All datasets unless some are named.
    """
    glue, database = lakehouse.catalog.glue, lakehouse.settings.database
    tables = [lakehouse.tables.table(dataset) + "/" for dataset in datasets or lakehouse.contracts]
    for prefix, locations in (
        ("", tables),
        ("rejected_", [lakehouse.tables.rejects(dataset) for dataset in datasets or lakehouse.contracts]),
    ):
        name, target = (
            f"{database}-{prefix}",
            {"DeltaTables": locations, "WriteManifest": False, "CreateNativeDeltaTable": True},
        )
        glue.create_crawler(
            Name=name, Role="crawler", DatabaseName=database, TablePrefix=prefix, Targets={"DeltaTargets": [target]}
        )
        glue.start_crawler(Name=name)
        assert wait_for(partial(last_crawl, glue, name))["Status"] == "SUCCEEDED"


def last_crawl(glue: Any, name: str) -> dict[str, Any] | None:
    return cast("dict[str, Any] | None", glue.get_crawler(Name=name)["Crawler"].get("LastCrawl"))


def table_rows_by_athena(lakehouse: Lakehouse) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in lakehouse.athena.query("SELECT product_id, product_name FROM products").rows]


def with_another_column(lakehouse: Lakehouse) -> Lakehouse:
    """The same lakehouse after the contract of products got a column."""
    colour = Column("colour", Kind.STRING, False, "Its colour.")
    changed = Lakehouse(lakehouse.settings, lakehouse.aws)
    contracts = [
        replace(contract, columns=(*contract.columns, colour)) if contract.dataset == "products" else contract
        for contract in lakehouse.contracts.in_load_order
    ]
    changed.__dict__["contracts"] = Contracts(tuple(contracts))
    return changed


def test_each_dataset_has_its_table_and_its_rejected_records_in_the_catalog(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    ran(lakehouse)
    tables = lakehouse.catalog.glue.get_tables(DatabaseName=lakehouse.settings.database)["TableList"]
    assert sorted(table["Name"] for table in tables) == [
        "order_items",
        "orders",
        "products",
        "rejected_order_items",
        "rejected_orders",
        "rejected_products",
    ]


def test_an_entry_has_the_contracts_columns_and_says_that_the_table_is_delta(lakehouse: Lakehouse) -> None:
    lakehouse.refresh_catalog()
    assert columns(lakehouse, "products") == {
        "product_id": "int",
        "department_id": "int",
        "department": "string",
        "product_name": "string",
        "batch_id": "string",
        "source_file": "string",
        "source_modified_at": "timestamp",
    }
    found = entry(lakehouse, "products")
    assert found["StorageDescriptor"]["Location"] == f"s3://{lakehouse.settings.bucket}/lakehouse-dwh/products"
    assert found["StorageDescriptor"]["SerdeInfo"]["Parameters"] == {
        "serialization.format": "1",
        "path": found["StorageDescriptor"]["Location"],
    }
    assert (found["Parameters"]["table_type"], found["PartitionKeys"]) == ("delta", [])
    assert found["TableType"] == "EXTERNAL_TABLE"
    assert columns(lakehouse, "rejected_products")["raw"] == "map<string,string>"
    assert entry(lakehouse, "rejected_products")["StorageDescriptor"]["Location"].endswith("/rejected/products")


def test_the_refresh_says_what_it_did(lakehouse: Lakehouse) -> None:
    assert lakehouse.refresh_catalog() == {"orders": "created", "products": "created", "order_items": "created"}
    assert lakehouse.refresh_catalog() == {
        "orders": "up to date",
        "products": "up to date",
        "order_items": "up to date",
    }


def test_a_column_added_to_the_contract_is_added_to_the_catalog(lakehouse: Lakehouse) -> None:
    lakehouse.refresh_catalog()
    changed = with_another_column(lakehouse)
    assert changed.refresh_catalog() == {"orders": "up to date", "products": "updated", "order_items": "up to date"}
    assert columns(changed, "products")["colour"] == "string"


def test_an_entry_that_someone_pointed_elsewhere_is_brought_back(lakehouse: Lakehouse) -> None:
    lakehouse.refresh_catalog()
    found = entry(lakehouse, "products")
    found["StorageDescriptor"]["Location"] = "s3://elsewhere/products"
    table = {name: found[name] for name in ("Name", "TableType", "Parameters", "StorageDescriptor")}
    lakehouse.catalog.glue.update_table(DatabaseName=lakehouse.settings.database, TableInput=table)
    assert lakehouse.refresh_catalog()["products"] == "updated"
    assert entry(lakehouse, "products")["StorageDescriptor"]["Location"].endswith("/lakehouse-dwh/products")


def test_an_entry_that_athenas_engine_cannot_read_is_mended(lakehouse: Lakehouse) -> None:
    """As this project wrote it before November 2026: Trino fails on it with `StorageDescriptor SerDeInfo is null`."""
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    ran(lakehouse)
    wanted, glue = entry(lakehouse, "products"), lakehouse.catalog.glue
    old = {
        "Name": "products",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "delta",
            "table_type": "DELTA",
            "spark.sql.sources.provider": "delta",
        },
        "StorageDescriptor": {name: wanted["StorageDescriptor"][name] for name in ("Columns", "Location")},
    }
    glue.update_table(DatabaseName=lakehouse.settings.database, TableInput=old)
    with pytest.raises(LakehouseError, match="StorageDescriptor SerDeInfo is null"):
        table_rows_by_athena(lakehouse)
    assert lakehouse.refresh_catalog()["products"] == "updated"
    assert entry(lakehouse, "products")["StorageDescriptor"] == wanted["StorageDescriptor"]
    assert table_rows_by_athena(lakehouse) == [(1, "Atlas")]


@pytest.mark.parametrize("first", ["refresh", "crawl"])
def test_a_crawl_and_a_refresh_leave_each_others_entries_alone(first: str, lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    load_all(freeze(lakehouse))
    one, other = (
        (lakehouse.refresh_catalog, partial(crawl, lakehouse))
        if first == "refresh"
        else (partial(crawl, lakehouse), lakehouse.refresh_catalog)
    )
    one()
    before = entries(lakehouse)
    other()
    assert list(before) == [
        "order_items",
        "orders",
        "products",
        "rejected_order_items",
        "rejected_orders",
        "rejected_products",
    ]
    assert entries(lakehouse) == before
    assert set(lakehouse.refresh_catalog().values()) == {"up to date"}


def test_an_entry_that_says_no_more_that_the_table_is_delta_is_brought_back(lakehouse: Lakehouse) -> None:
    """As a plain crawler leaves it: Athena would read rows that were overwritten, too."""
    for name in ("Globe", "Atlas"):
        put(lakehouse, "raw/products/p.csv", products_csv(product(1, name)))
        ran(lakehouse)
    kept = {name: entry(lakehouse, "products")[name] for name in ("Name", "StorageDescriptor", "TableType")}
    lakehouse.catalog.glue.update_table(
        DatabaseName=lakehouse.settings.database,
        TableInput=kept | {"Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"}},
    )
    assert lakehouse.refresh_catalog()["products"] == "updated"
    assert table_rows_by_athena(lakehouse) == [(1, "Atlas")]


def test_a_column_that_the_contract_gained_is_in_the_table_and_in_the_catalog_after_the_next_batch(
    lakehouse: Lakehouse,
) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    ran(lakehouse)
    put(lakehouse, "raw/products/p.csv", csv_text((*PRODUCTS, "colour"), [(*product(2), "red")]))
    changed = with_another_column(lakehouse)
    ran(changed)
    assert changed.athena.query("SELECT product_id, colour FROM products ORDER BY product_id").rows == [
        (1, None),
        (2, "red"),
    ]
    assert changed.catalog.columns("products") == changed.contracts["products"].table_columns


def test_a_missing_database_is_said_so(lakehouse: Lakehouse) -> None:
    lakehouse.catalog.glue.delete_database(Name=lakehouse.settings.database)
    with pytest.raises(BadConfiguration, match="Refreshing the catalog: AWS refused it with EntityNotFoundException"):
        lakehouse.refresh_catalog()
