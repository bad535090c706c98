"""Four datasets whose keys have several columns, or whose parents do, in the shape of Northwind's and Olist's tables:
the contracts, what the reference knows of them, and the cells of their files.
"""

from __future__ import annotations

from pathlib import Path

from lakehouse_assets.contracts import Contracts, read_contracts
from lakehouse_assets_tests.etl.generated import MOMENTS, ODD_AMOUNTS, ODD_MOMENTS, ODD_NUMBERS, ODD_TEXTS, Shop
from lakehouse_assets_tests.etl.reference import Dataset, Values, at_least

FOLDER = Path(__file__).parent


def keyed_contracts() -> Contracts:
    return read_contracts(FOLDER)


def shipping_month(values: Values) -> str | None:
    """How `items` is partitioned, from its version."""
    at = values["shipping_limit_date"]
    return None if at is None else f"{at.year:04}-{at.month:02}"


DATASETS = {
    "items": Dataset(
        forms={
            "order_id": "string",
            "order_item_id": "bigint",
            "product_id": "string",
            "seller_id": "string",
            "shipping_limit_date": "timestamp",
            "price": "double",
            "freight_value": "double",
        },
        keys=("order_id", "order_item_id"),
        version="shipping_limit_date",
        optional=("freight_value",),
        rules={"price: minimum 0": at_least("price", 0)},
        derived={"shipping_month": shipping_month},
    ),
    "order_details": Dataset(
        forms={
            "order_id": "int",
            "product_id": "smallint",
            "unit_price": "decimal(7,2)",
            "quantity": "int",
            "discount": "double",
        },
        keys=("order_id", "product_id"),
        optional=("discount",),
        rules={"unit_price: minimum 0": at_least("unit_price", 0), "quantity: minimum 1": at_least("quantity", 1)},
    ),
    "picks": Dataset(
        forms={"shelf": "string", "product_id": "smallint", "order_id": "int", "picked": "int"},
        keys=("order_id", "product_id", "shelf"),
        optional=("picked",),
        parents={("order_id", "product_id"): "order_details"},
    ),
    "refunds": Dataset(
        forms={"refund_id": "int", "order_id": "string", "order_item_id": "bigint", "amount": "double"},
        keys=("refund_id",),
        optional=("order_id", "order_item_id"),
        missing={"order_item_id": ("all",)},
        parents={("order_item_id", "order_id"): "items"},
        parent_keys={("order_item_id", "order_id"): ("order_item_id", "order_id")},
    ),
}
ORDERS = ["00010242fe8c5a6d", "00018f77f2f0320c"]
AMOUNTS = ["9.5", "10", "2"]
ODD_IDS = ["", " ", "\u00a0", "é", 'a "b"']
KEYED = Shop(
    DATASETS,
    {
        "items": {
            "order_id": (ORDERS, ODD_IDS),
            "order_item_id": (["1", "2"], ODD_NUMBERS),
            "product_id": (["4244733e06e7ecb4", "e5f2d52b802189ee"], ODD_IDS),
            "seller_id": (["48436dade18ac8b2", "dd7ddc04e1b6c2c6"], ["", "  "]),
            "shipping_limit_date": (MOMENTS, ODD_MOMENTS),
            "price": (AMOUNTS, ODD_AMOUNTS),
            "freight_value": (["", "1.5"], ODD_AMOUNTS),
        },
        "order_details": {
            "order_id": (["10248", "10249"], ODD_NUMBERS),
            "product_id": (["11", "42"], ODD_NUMBERS),
            "unit_price": (AMOUNTS, ODD_AMOUNTS),
            "quantity": (["1", "12"], ODD_NUMBERS),
            "discount": (["", "0.15"], ODD_AMOUNTS),
        },
        "picks": {
            "shelf": (["A-1", "B, 2"], ODD_TEXTS),
            "product_id": (["11", "42"], ODD_NUMBERS),
            "order_id": (["10248", "10249"], ODD_NUMBERS),
            "picked": (["", "1", "2"], ODD_NUMBERS),
        },
        "refunds": {
            "refund_id": (["1", "2", "3"], ODD_NUMBERS),
            "order_id": ([*ORDERS, ""], ODD_IDS),
            "order_item_id": (["1", "2", "", "all"], ODD_NUMBERS),
            "amount": (AMOUNTS, ODD_AMOUNTS),
        },
    },
    {"order_id": 0.4, "order_item_id": 0.03, "product_id": 0.03, "refund_id": 1},
)
