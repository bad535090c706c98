"""Files of the four datasets: a sound row of each, and files of rows that differ from it."""

from __future__ import annotations

from functools import partial

from lakehouse_assets_tests.etl.support import Given, rows_file

DETAIL = {"order_id": "10248", "product_id": "11", "unit_price": "14", "quantity": "12", "discount": "0.15"}
ITEM = {
    "order_id": "00010242fe8c5a6d",
    "order_item_id": "1",
    "product_id": "4244733e06e7ecb4",
    "seller_id": "48436dade18ac8b2",
    "shipping_limit_date": "2017-09-19 09:45:35",
    "price": "58.9",
    "freight_value": "13.29",
}
PICK = {"shelf": "A-1", "product_id": "11", "order_id": "10248", "picked": "12"}
REFUND = {"refund_id": "1", "order_id": "00010242fe8c5a6d", "order_item_id": "1", "amount": "58.9"}


def rows(dataset: str, sound: dict[str, str], *changed: dict[str, str], minutes: int = 0) -> list[Given]:
    """A file with a row for each of the changes."""
    cells = [tuple((sound | change).values()) for change in changed]
    return [rows_file(dataset, *cells, name=f"{dataset}-{minutes}.csv", minutes=minutes, header=tuple(sound))]


details, items, picks, refunds = (
    partial(rows, dataset, sound)
    for dataset, sound in (("order_details", DETAIL), ("items", ITEM), ("picks", PICK), ("refunds", REFUND))
)
