from dataclasses import replace
from typing import Any

import pytest

from lakehouse_assets.contracts import Column, Contracts, Kind
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.lakehouse import Lakehouse
from lakehouse_assets_tests.support import PRODUCTS, csv_text, product, products_csv, put, put_one_of_each, ran


def entry(lakehouse: Lakehouse, name: str) -> dict[str, Any]:
    return dict(lakehouse.catalog.glue.get_table(DatabaseName=lakehouse.settings.database, Name=name)["Table"])


def columns(lakehouse: Lakehouse, name: str) -> dict[str, str]:
    return {column["Name"]: column["Type"] for column in entry(lakehouse, name)["StorageDescriptor"]["Columns"]}


def table_rows_by_athena(lakehouse: Lakehouse) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in lakehouse.athena.query("SELECT product_id, product_name FROM products").rows]


def with_another_column(lakehouse: Lakehouse) -> Lakehouse:
    """The same lakehouse after the contract of products got a column."""
    colour = Column("colour", Kind.STRING, False, "Its colour.")
    changed = Lakehouse(lakehouse.settings, lakehouse.aws)
    contracts = [
        replace(contract, columns=(*contract.columns, colour)) if contract.dataset == "products" else contract for contract in lakehouse.contracts.in_load_order
    ]
    changed.__dict__["contracts"] = Contracts(tuple(contracts))
    return changed


def test_each_dataset_has_its_table_and_its_rejected_records_in_the_catalog(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    ran(lakehouse)
    tables = lakehouse.catalog.glue.get_tables(DatabaseName=lakehouse.settings.database)["TableList"]
    assert sorted(table["Name"] for table in tables) == ["order_items", "orders", "products", "rejected_order_items", "rejected_orders", "rejected_products"]


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
    assert found["Parameters"]["table_type"] == "DELTA"
    assert found["TableType"] == "EXTERNAL_TABLE"
    assert columns(lakehouse, "rejected_products")["raw"] == "map<string,string>"
    assert entry(lakehouse, "rejected_products")["StorageDescriptor"]["Location"].endswith("/rejected/products")


def test_the_refresh_says_what_it_did(lakehouse: Lakehouse) -> None:
    assert lakehouse.refresh_catalog() == {"orders": "created", "products": "created", "order_items": "created"}
    assert lakehouse.refresh_catalog() == {"orders": "up to date", "products": "up to date", "order_items": "up to date"}


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


def test_an_entry_that_says_no_more_that_the_table_is_delta_is_brought_back(lakehouse: Lakehouse) -> None:
    """As a plain crawler leaves it: Athena would read rows that were overwritten, too."""
    for name in ("Globe", "Atlas"):
        put(lakehouse, "raw/products/p.csv", products_csv(product(1, name)))
        ran(lakehouse)
    kept = {name: entry(lakehouse, "products")[name] for name in ("Name", "StorageDescriptor", "TableType")}
    lakehouse.catalog.glue.update_table(
        DatabaseName=lakehouse.settings.database, TableInput=kept | {"Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"}}
    )
    assert lakehouse.refresh_catalog()["products"] == "updated"
    assert table_rows_by_athena(lakehouse) == [(1, "Atlas")]


def test_a_column_that_the_contract_gained_is_in_the_table_and_in_the_catalog_after_the_next_batch(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    ran(lakehouse)
    put(lakehouse, "raw/products/p.csv", csv_text((*PRODUCTS, "colour"), [(*product(2), "red")]))
    changed = with_another_column(lakehouse)
    ran(changed)
    assert changed.athena.query("SELECT product_id, colour FROM products ORDER BY product_id").rows == [(1, None), (2, "red")]
    assert changed.catalog.columns("products") == changed.contracts["products"].table_columns


def test_a_missing_database_is_said_so(lakehouse: Lakehouse) -> None:
    lakehouse.catalog.glue.delete_database(Name=lakehouse.settings.database)
    with pytest.raises(BadConfiguration, match="Refreshing the catalog: AWS refused it with EntityNotFoundException"):
        lakehouse.refresh_catalog()
