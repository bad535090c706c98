"""A file never changes the table of a dataset that it was not meant for, whichever way it comes in."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import SHIPPED
from lakehouse_assets.landing.local_files import Incoming
from lakehouse_assets.landing.uploading import key_of
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.support import (
    ORDERS,
    csv_text,
    file_of,
    nonzero,
    order,
    orders_csv,
    put,
    ran,
    table_rows,
    workbook,
)

CUSTOMERS = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "customers",
    "name": "customers",
    "version": "1.0.0",
    "status": "active",
    "schema": [
        {
            "name": "customers",
            "logicalType": "object",
            "properties": [
                {
                    "name": "user_id",
                    "logicalType": "integer",
                    "physicalType": "int",
                    "required": True,
                    "primaryKey": True,
                },
                {"name": "country", "logicalType": "string", "physicalType": "string"},
            ],
        }
    ],
}
WITHOUT_DATE = csv_text(ORDERS[:-1], [order(1)[:-1], order(2)[:-1]])
"""An orders file that lacks a required column, and has the only required one of customers."""
CUSTOMER = "user_id,country\n7,Germany\n"


@pytest.fixture
def settings(lakehouse_home: Path, tmp_path: Path) -> Settings:
    """The shipped datasets, and customers."""
    folder = tmp_path / "contracts"
    folder.mkdir()
    for name in ("orders", "products", "order_items"):
        (folder / f"{name}.odcs.yaml").write_bytes((SHIPPED / f"{name}.odcs.yaml").read_bytes())
    (folder / "customers.odcs.yaml").write_text(yaml.safe_dump(CUSTOMERS))
    return own_settings(lakehouse_home).model_copy(update={"contracts": folder})


def test_an_orders_file_without_a_column_never_reaches_customers(lakehouse: Lakehouse, tmp_path: Path) -> None:
    put(lakehouse, "raw/customers/c.csv", CUSTOMER)
    ran(lakehouse)
    said = {"orders.csv": None, "export.csv": None, "dump.csv": "customers", "stated.csv": "orders"}
    by_command = {}
    for name, dataset in said.items():
        (tmp_path / name).write_text(WITHOUT_DATE)
        by_command[name] = key_of(Incoming(tmp_path / name, f"command/{name}", dataset), lakehouse.zone)
        put(lakehouse, by_command[name], WITHOUT_DATE)
    for place, key in enumerate(
        (
            "raw/customers/direct.csv",
            "raw/customers/orders 1.csv",
            "raw/orders/direct.csv",
            "uploads/any.csv",
            "uploads/orders-1.csv",
        )
    ):
        put(lakehouse, key, WITHOUT_DATE + "\n" * place)
    put(
        lakehouse,
        "uploads/orders.xlsx",
        workbook(
            tmp_path / "o.xlsx", {"Orders": [ORDERS[:-1], order(1)[:-1]], "Customers": [ORDERS[:-1], order(1)[:-1]]}
        ),
    )
    report = ran(lakehouse)
    texts = [file for file in report["files"] if file["name"].endswith(".csv")]
    assert by_command == {
        "orders.csv": "raw/orders/command/orders.csv",
        "export.csv": "raw/orders/command/export.csv",
        "dump.csv": "raw/customers/command/dump.csv",
        "stated.csv": "raw/orders/command/stated.csv",
    }
    assert len(texts) == 9
    assert {file["outcome"] for file in texts} == {"quarantined"}
    for file in texts:
        assert "orders" in str(file["reason"])
        assert "customers" in str(file["reason"])
        assert "date" in str(file["reason"]) or "has 5 columns of orders and 1 of customers" in str(file["reason"])
    assert {dataset: nonzero(counts) for dataset, counts in report["datasets"].items()} == {
        dataset: {} for dataset in lakehouse.contracts
    }
    assert table_rows(lakehouse, "customers", "user_id", "country") == [(7, "Germany")]


def test_a_file_that_fits_what_its_sender_says_is_loaded(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/orders/customers.csv", orders_csv(order(1)))
    put(lakehouse, "uploads/customers_2025.csv", CUSTOMER.replace("user_id", "User ID"))
    report = ran(lakehouse)
    assert file_of(report, "customers.csv")["outcome"] == "loaded"
    told = file_of(report, "customers_2025.csv")
    assert (told["outcome"], told["dataset"], told["warnings"]) == (
        "loaded",
        "customers",
        ['columns known by another spelling: "User ID" for user_id'],
    )
    assert table_rows(lakehouse, "orders", "order_id") == [(1,)]
    assert table_rows(lakehouse, "customers", "user_id") == [(7,)]
