"""The example contracts (docs/examples) load files of the shape of each export."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from lakehouse_assets.contracts import Contracts, read_contracts
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets.landing.routing import check_header, route
from lakehouse_assets_tests.docs.markdown import DOCS
from lakehouse_assets_tests.etl.exports import DATASETS, ITEM, LATER, NORTHWIND, OLIST_HEADER, ORDER, SHOPIFY_HEADER
from lakehouse_assets_tests.etl.support import Given, House, Loaded, csv_text

EXAMPLES = DOCS / "examples"


def contracts_of(export: str) -> Contracts:
    return read_contracts(EXAMPLES / export)


def exported(contracts: Contracts, dataset: str, name: str, text: str, minutes: int = 0) -> Given:
    """A file as a load reads it: its name and header lead to the dataset, and the columns have the contract's names."""
    [header] = csv.reader(text.splitlines()[:1])
    assert route(header, contracts, name=name).dataset == dataset
    checked = check_header(header, contracts[dataset], contracts, name)
    assert (checked.problem, checked.absent) == (None, ())
    return Given(name, csv_text(checked.names, ()) + text.partition("\n")[2], minutes)


@pytest.mark.parametrize("export", sorted(folder.name for folder in EXAMPLES.iterdir()))
def test_each_example_can_be_planned_in_either_engine(engine: Engine, export: str) -> None:
    found = {contract.dataset: engine.plan_faults(contract) for contract in contracts_of(export).values()}
    assert found
    assert {dataset: faults for dataset, faults in found.items() if faults} == {}


@dataclass(frozen=True)
class Northwind:
    """A lakehouse after a batch of the whole export, and after one of corrections and bad rows."""

    house: House
    whole: dict[str, Loaded]
    later: dict[str, Loaded]


@pytest.fixture(scope="module")
def northwind(engine: Engine, embedded: Engine, tmp_path_factory: pytest.TempPathFactory) -> Northwind:
    """A load on Spark takes ten CPU seconds, so Spark has one table to make and one to correct."""
    contracts = contracts_of("northwind")
    folder = tmp_path_factory.mktemp("northwind")
    house, quick = House(engine, folder, contracts), House(embedded, folder, contracts)
    given = {}
    for name, text in NORTHWIND.items():
        dataset = DATASETS.get(name, name.removesuffix(".csv"))
        given[dataset] = exported(contracts, dataset, name, text)
    whole = {
        dataset: (house if dataset == "orders" else quick).load(dataset, "b1", given[dataset]) for dataset in contracts
    }
    later = {}
    for dataset, text in LATER.items():
        corrected = exported(contracts, dataset, f"{dataset}_2.csv", text, minutes=1)
        later[dataset] = (house if dataset == "order_details" else quick).load(dataset, "b2", corrected)
    return Northwind(house, whole, later)


def test_northwind_is_loaded_completely(northwind: Northwind) -> None:
    assert {dataset: loaded.counts for dataset, loaded in northwind.whole.items()} == {
        DATASETS.get(name, name.removesuffix(".csv")): {"read": rows, "inserted": rows}
        for name, text in NORTHWIND.items()
        for rows in [len(list(csv.reader(text.splitlines(keepends=True)))) - 1]
    }


def test_northwinds_headers_may_be_those_of_sql_server_and_of_postgresql() -> None:
    for contract in contracts_of("northwind").values():
        of_postgresql = [column.name for column in contract.columns if column.derived is None]
        of_sql_server = ["".join(word.title() for word in name.split("_")) for name in of_postgresql]
        for header in (of_postgresql, of_sql_server):
            checked = check_header(header, contract)
            assert (checked.problem, checked.extra, checked.absent) == (None, (), ())


def test_northwinds_values_have_the_types_of_the_contracts(northwind: Northwind) -> None:
    house = northwind.house
    assert house.values(
        "orders", "order_id", "order_date", "shipped_date", "freight", "ship_region", "order_month"
    ) == [
        (20001, date(1996, 7, 4), date(1996, 7, 16), Decimal("32.38"), None, date(1996, 7, 1)),
        (20002, date(1998, 5, 6), None, Decimal("0.02"), "ID", date(1998, 5, 1)),
        (20003, date(1998, 5, 31), date(1998, 5, 31), Decimal("7.00"), "ID", date(1998, 5, 1)),
    ]
    assert house.values("products", "product_id", "unit_price", "discontinued") == [
        (1, Decimal("19.50"), True),
        (2, Decimal("21.35"), False),
    ]
    assert house.values("employees", "address", "birth_date", "hire_date", "notes", "reports_to") == [
        ("1 Way\nApt. 2", date(1968, 12, 8), date(1992, 5, 1), 'Speaks "French".', 2),
        ("2 Way", date(1952, 2, 19), None, None, None),
    ]
    assert house.values("employee_territories", "employee_id", "territory_id") == [
        (1, "01581"),
        (1, "98104"),
        (2, "01581"),
    ]
    assert house.values("customers", "customer_id", "company_name", "region", "postal_code") == [
        ("AAAAA", "Käse & Söhne", None, "01234"),
        ("BBBBB", "Shop B", "ID", "83720"),
    ]


def test_a_correction_updates_northwinds_row_of_the_whole_key_and_bad_rows_are_rejected(northwind: Northwind) -> None:
    house = northwind.house
    assert northwind.later["order_details"].counts == {"read": 3, "updated": 1, "rejected": 2}
    assert house.values("order_details", "order_id", "product_id", "unit_price", "quantity", "line_total") == [
        (20001, 1, Decimal("18.00"), 12, 216.0),
        (20001, 2, Decimal("9.80"), 20, pytest.approx(166.6)),
        (20002, 1, Decimal("18.00"), 1, pytest.approx(17.1)),
    ]
    assert house.reasons("order_details") == [
        ["order_id: no such orders.order_id"],
        ["unit_price: not decimal(10,2)"],
    ]
    assert northwind.later["products"].counts == {"read": 2, "updated": 1, "rejected": 1}
    assert house.reasons("products") == [["discontinued: not boolean"]]


def shopify(contracts: Contracts, *rows: dict[str, str], minutes: int = 0) -> Given:
    header = SHOPIFY_HEADER.split(",")
    cells = [[row.get(name, "") for name in header] for row in rows]
    return exported(contracts, "orders_export", "orders_export_1.csv", csv_text(header, cells), minutes)


def test_a_shopify_export_has_a_row_for_each_line_item(engine: Engine, tmp_path: Path) -> None:
    contracts = contracts_of("shopify")
    house = House(engine, tmp_path, contracts)
    first = ITEM | ORDER | {"Lineitem name": "Cap - Blue", "Lineitem sku": "CAP-B"}
    second = ITEM | {"Lineitem name": "Mug, large", "Lineitem quantity": "2", "Lineitem taxable": "true"}
    other = first | {"Name": "#1002", "Accepts Marketing": "no", "Currency": "USD"}
    assert house.load("orders_export", "b1", shopify(contracts, first, second, other)).counts == {
        "read": 3,
        "inserted": 3,
    }
    changed = second | {"Lineitem fulfillment status": "fulfilled", "Lineitem quantity": "1"}
    bad = [
        second | {"Name": "#1003", "Lineitem requires shipping": "maybe"},
        second | {"Name": "#1003", "Lineitem price": "12345678901.00"},
        second | {"Name": "#1003", "Created at": "2024-02-01"},
        second | {"Name": "#1003", "Lineitem name": ""},
    ]
    later = house.load("orders_export", "b2", shopify(contracts, first, changed, *bad, minutes=1))
    assert later.counts == {"read": 6, "unchanged": 1, "updated": 1, "rejected": 4}
    columns = ("order_name", "lineitem_name", "lineitem_quantity", "lineitem_sku", "lineitem_taxable")
    assert house.values("orders_export", *columns, "total", "accepts_marketing", "order_id") == [
        ("#1001", "Cap - Blue", 1, "CAP-B", False, Decimal("34.60"), True, 5123456789012),
        ("#1001", "Mug, large", 1, None, True, None, None, None),
        ("#1002", "Cap - Blue", 1, "CAP-B", False, Decimal("34.60"), False, 5123456789012),
    ]
    created = datetime(2024, 1, 31, 23, 20, 30, tzinfo=UTC)
    assert set(house.values("orders_export", "created_at", "created_month")) == {(created, date(2024, 1, 1))}
    assert house.reasons("orders_export") == [
        ["lineitem_requires_shipping: not boolean"],
        ["lineitem_price: not decimal(12,2)"],
        ["created_at: not timestamp"],
        ["lineitem_name: required"],
    ]


def test_two_lines_of_one_product_in_a_shopify_order_are_one_row(embedded: Engine, tmp_path: Path) -> None:
    """The limit that the contract's description states."""
    contracts = contracts_of("shopify")
    house = House(embedded, tmp_path, contracts)
    line = ITEM | {"Lineitem name": "Cap - Blue"}
    loaded = house.load("orders_export", "b1", shopify(contracts, line | ORDER, line | {"Lineitem price": "5.00"}))
    assert loaded.counts == {"read": 2, "inserted": 1, "duplicates": 1}
    assert house.values("orders_export", "lineitem_price", "total") == [(Decimal("5.00"), None)]


def test_olists_items_are_loaded_corrected_and_rejected_by_both_columns_of_the_key(
    engine: Engine, tmp_path: Path
) -> None:
    contracts = contracts_of("olist")
    house = House(engine, tmp_path, contracts)

    def given(*lines: str, minutes: int = 0) -> Given:
        text = OLIST_HEADER + "".join(f"{line}\n" for line in lines)
        return exported(contracts, "olist_order_items", "olist_order_items_dataset.csv", text, minutes)

    sound = given(
        '"00aa",1,"p1","s1",2017-09-19 09:45:35,58.90,13.29',
        '"00aa",2,"p2","s1",2017-09-30 23:59:59,58.9,0.00',
        '"00bb",1,"p1","s2",2018-01-01 00:00:00,6735,409.68',
    )
    assert house.load("olist_order_items", "b1", sound).counts == {"read": 3, "inserted": 3}
    later = given(
        '"00aa",2,"p2","s1",2017-10-01 00:00:00,60.00,0.00',
        '"00cc",1,"p1","s2",2018-01-01 00:00:00,123456789.00,1',
        '"00cc",0,"p1","s2",2018-01-01 00:00:00,1,-1',
        minutes=1,
    )
    assert house.load("olist_order_items", "b2", later).counts == {"read": 3, "updated": 1, "rejected": 2}
    names = ("order_id", "order_item_id", "shipping_limit_date", "price", "freight_value", "shipping_month")
    assert house.values("olist_order_items", *names) == [
        ("00aa", 1, datetime(2017, 9, 19, 9, 45, 35, tzinfo=UTC), Decimal("58.90"), Decimal("13.29"), date(2017, 9, 1)),
        ("00aa", 2, datetime(2017, 10, 1, tzinfo=UTC), Decimal("60.00"), Decimal("0.00"), date(2017, 10, 1)),
        ("00bb", 1, datetime(2018, 1, 1, tzinfo=UTC), Decimal("6735.00"), Decimal("409.68"), date(2018, 1, 1)),
    ]
    assert house.reasons("olist_order_items") == [
        ["price: not decimal(10,2)"],
        ["order_item_id: minimum 1", "freight_value: minimum 0"],
    ]
