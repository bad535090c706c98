"""Each query of sql/ through the embedded Athena, against the same question asked of the input files, in plain Python.

The files come in two batches, with what files have: rows that are no data, repeats, corrections, an item before its
order.
"""

from __future__ import annotations

import csv
import io
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.queries import named_queries, statement_of
from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets.local.bootstrap import bootstrap
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.support import ITEMS, ORDERS, PRODUCTS, csv_text, put, ran

DEPARTMENTS = {1: "Books", 2: "Garden", 3: "Kitchen"}
Rows = list[dict[str, str]]
Answer = list[tuple[Any, ...]]


class Files:
    """The input files, and their rows as an analyst would read them with a spreadsheet: sound rows only, the last word
    on each key.
    """

    def __init__(self) -> None:
        chance = random.Random(7)
        products = [(n, 1 + n % 3, DEPARTMENTS[1 + n % 3], f"Thing {n}") for n in range(1, 31)]
        orders = [self._order(chance, n) for n in range(1, 241)]
        items = [self._item(chance, n, orders[chance.randrange(len(orders) - 5)]) for n in range(1, 901)]
        corrected = [(*order[:3], _later(order[3]), round(order[4] + 1, 2), order[5]) for order in orders[:20]]
        late, orders = orders[-10:], orders[:-10]
        items += [self._item(chance, 901 + n, order) for n, order in enumerate(late)]
        self.first = {
            "products/p.csv": csv_text(PRODUCTS, [*products, ("x", 1, "Books", "Nothing"), products[0]]),
            "orders/o.csv": csv_text(
                ORDERS,
                [
                    *orders,
                    (1, 9001, 7, "2025-02-30T10:00:00", 5, "2025-02-28"),
                    (1, "y", 7, "2025-03-01T10:00:00", 5, "2025-03-01"),
                ],
            ),
            "order_items/i.csv": csv_text(
                ITEMS, [*items, (9001, 1, 7, None, "z", 1, 0, "2025-03-01T10:00:00", "2025-03-01")]
            ),
        }
        self.second = {"orders/late.csv": csv_text(ORDERS, [*late, *corrected])}

    @staticmethod
    def _order(chance: random.Random, number: int) -> tuple[Any, ...]:
        when = datetime(2025, 3, 1) + timedelta(minutes=chance.randrange(61 * 24 * 60))
        return 1, number, chance.randint(1, 40), when.isoformat(), round(chance.uniform(5, 200), 2), f"{when:%Y-%m-%d}"

    @staticmethod
    def _item(chance: random.Random, number: int, order: tuple[Any, ...]) -> tuple[Any, ...]:
        days = chance.choice([None, 1, 7, 30])
        return (
            number,
            order[1],
            order[2],
            days,
            chance.randint(1, 28),
            chance.randint(1, 9),
            chance.randint(0, 1),
            order[3],
            order[5],
        )

    def rows(self, dataset: str) -> Rows:
        found: dict[str, dict[str, str]] = {}
        for name, text in (self.first | self.second).items():
            if name.startswith(f"{dataset}/"):
                for row in csv.DictReader(io.StringIO(text)):
                    if _is_sound(row):
                        found[next(row[key] for key in ("id", "order_id", "product_id") if key in row)] = row
        return list(found.values())

    @property
    def products(self) -> Rows:
        return self.rows("products")

    @property
    def orders(self) -> Rows:
        return self.rows("orders")

    @property
    def items(self) -> Rows:
        return self.rows("order_items")

    @property
    def late_orders(self) -> set[str]:
        """Those that the first batch's items waited for."""
        sent = {row["order_id"] for row in csv.DictReader(io.StringIO(self.first["orders/o.csv"]))}
        return {row["order_id"] for row in csv.DictReader(io.StringIO(self.second["orders/late.csv"]))} - sent

    @property
    def orphans(self) -> int:
        return sum(item["order_id"] in self.late_orders for item in self.items)


def _later(when: str) -> str:
    """A correction comes with a later timestamp, of the same day."""
    moment = datetime.fromisoformat(when)
    return (moment + timedelta(seconds=1)).isoformat() if moment.second < 59 else when


def _is_sound(row: dict[str, str]) -> bool:
    keys = [row[name] for name in ("id", "order_id", "product_id") if name in row]
    try:
        datetime.fromisoformat(row.get("order_timestamp", "2025-01-01"))
    except ValueError:
        return False
    return all(key.isdigit() for key in keys)


QUESTIONS: dict[str, Callable[[Files], Answer]] = {}


def question(ask: Callable[[Files], Answer]) -> Callable[[Files], Answer]:
    QUESTIONS[ask.__name__] = ask
    return ask


def grouped(rows: Iterable[dict[str, str]], key: Callable[[dict[str, str]], Any]) -> dict[Any, Rows]:
    found: dict[Any, Rows] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def amounts(rows: Iterable[dict[str, str]]) -> list[float]:
    return [float(row["total_amount"]) for row in rows]


def mean(numbers: Iterable[float], digits: int) -> float:
    numbers = list(numbers)
    return round(sum(numbers) / len(numbers), digits)


@question
def daily_sales(files: Files) -> Answer:
    items = Counter(item["order_id"] for item in files.items)
    return [
        (
            day,
            len(orders),
            len({order["user_id"] for order in orders}),
            round(sum(amounts(orders)), 2),
            mean(amounts(orders), 2),
            sum(items[order["order_id"]] for order in orders),
        )
        for day, orders in sorted(grouped(files.orders, lambda order: order["date"]).items())
    ]


@question
def best_sellers(files: Files) -> Answer:
    products = {product["product_id"]: product for product in files.products}
    found = [
        (
            int(product),
            products[product]["product_name"],
            products[product]["department"],
            len(items),
            len({item["order_id"] for item in items}),
            len({item["user_id"] for item in items}),
            mean((float(item["reordered"]) for item in items), 3),
        )
        for product, items in grouped(files.items, lambda item: item["product_id"]).items()
    ]
    return sorted(found, key=lambda row: (-row[3], row[0]))[:20]


@question
def sales_by_department(files: Files) -> Answer:
    department = {product["product_id"]: product["department"] for product in files.products}
    found = [
        (
            name,
            len({item["product_id"] for item in items}),
            len({item["order_id"] for item in items}),
            len(items),
            round(len(items) / len(files.items), 3),
            mean((float(item["reordered"]) for item in items), 3),
        )
        for name, items in grouped(files.items, lambda item: department[item["product_id"]]).items()
    ]
    return sorted(found, key=lambda row: (-row[3], row[0]))


@question
def basket_sizes(files: Files) -> Answer:
    items = Counter(item["order_id"] for item in files.items)
    return [
        (size, len(orders), mean(amounts(orders), 2))
        for size, orders in sorted(grouped(files.orders, lambda order: items[order["order_id"]]).items())
    ]


@question
def new_and_returning_customers(files: Files) -> Answer:
    first = {
        user: min(order["date"][:7] for order in orders)
        for user, orders in grouped(files.orders, lambda order: order["user_id"]).items()
    }
    answer = []
    for month, orders in sorted(grouped(files.orders, lambda order: order["date"][:7]).items()):
        new = [order for order in orders if first[order["user_id"]] == month]
        back = [order for order in orders if first[order["user_id"]] < month]
        answer.append(
            (
                month,
                len({o["user_id"] for o in new}),
                len({o["user_id"] for o in back}),
                round(sum(amounts(new)), 2),
                round(sum(amounts(back)), 2),
            )
        )
    return answer


@question
def days_between_orders(files: Files) -> Answer:
    found: Counter[str] = Counter()
    for orders in grouped(files.orders, lambda order: order["user_id"]).values():
        days = [
            datetime.fromisoformat(when).date()
            for when, _ in sorted((order["order_timestamp"], int(order["order_id"])) for order in orders)
        ]
        found["no later order"] += 1
        for before, after in pairwise(days):
            wait = (after - before).days
            found[next(name for most, name in WAITS if wait <= most)] += 1
    return [(name, found[name]) for _, name in [*WAITS, (0, "no later order")] if found[name]]


WAITS = [
    (0, "same day"),
    (7, "1 to 7 days"),
    (14, "8 to 14 days"),
    (30, "15 to 30 days"),
    (10_000, "more than 30 days"),
]


@question
def busiest_hours(files: Files) -> Answer:
    return [
        (hour, len(orders), round(len(orders) / len(files.orders), 3), mean(amounts(orders), 2))
        for hour, orders in sorted(
            grouped(files.orders, lambda order: datetime.fromisoformat(order["order_timestamp"]).hour).items()
        )
    ]


@question
def bought_together(files: Files) -> Answer:
    names = {int(product["product_id"]): product["product_name"] for product in files.products}
    found = Counter(
        pair
        for items in grouped(files.items, lambda item: item["order_id"]).values()
        for pair in combinations(sorted({int(item["product_id"]) for item in items}), 2)
    )
    most = sorted(found.items(), key=lambda counted: (-counted[1], counted[0]))[:20]
    return [(a, names[a], b, names[b], orders) for (a, b), orders in most]


@question
def orders_without_items(files: Files) -> Answer:
    with_items = {item["order_id"] for item in files.items}
    bare = grouped(
        (order for order in files.orders if order["order_id"] not in with_items), lambda order: order["date"]
    )
    return [
        (day, len(orders), round(sum(amounts(orders)), 2), min(int(order["order_id"]) for order in orders))
        for day, orders in sorted(bare.items())
    ]


@question
def top_customers(files: Files) -> Answer:
    department = {product["product_id"]: product["department"] for product in files.products}
    customer = {order["order_id"]: order["user_id"] for order in files.orders}
    found = []
    for user, orders in grouped(files.orders, lambda order: order["user_id"]).items():
        bought = Counter(department[item["product_id"]] for item in files.items if customer[item["order_id"]] == user)
        [(favourite, most), *_] = sorted(bought.items(), key=lambda counted: (-counted[1], counted[0]))
        found.append(
            (
                int(user),
                len(orders),
                round(sum(amounts(orders)), 2),
                max(order["order_timestamp"] for order in orders),
                favourite,
                most,
            )
        )
    return sorted(found, key=lambda row: (-row[2], row[0]))[:10]


@question
def validate_orders(files: Files) -> Answer:
    customer = {order["order_id"]: order["user_id"] for order in files.orders}
    products = {product["product_id"] for product in files.products}
    return [
        ("orders: keys that stand twice", len(files.orders) - len(customer)),
        ("order_items: keys that stand twice", len(files.items) - len({item["id"] for item in files.items})),
        ("products: keys that stand twice", len(files.products) - len(products)),
        (
            "orders: the date is not the day of the timestamp",
            sum(order["date"] != order["order_timestamp"][:10] for order in files.orders),
        ),
        ("order_items: no such order", sum(item["order_id"] not in customer for item in files.items)),
        ("order_items: no such product", sum(item["product_id"] not in products for item in files.items)),
        (
            "order_items: another customer than the order",
            sum(item["user_id"] != customer[item["order_id"]] for item in files.items),
        ),
    ]


@question
def rejected_records_analysis(files: Files) -> Answer:
    """What was put among the rows above that is no data, and the items that came before their orders."""
    found = [
        ("order_items", "order_id: no such orders.order_id", files.orphans, files.orphans, 1, "raw/order_items/i.csv"),
        ("order_items", "product_id: not int", 1, 0, 1, "raw/order_items/i.csv"),
        ("orders", "order_id: not int", 1, 0, 1, "raw/orders/o.csv"),
        ("orders", "order_timestamp: not timestamp", 1, 0, 1, "raw/orders/o.csv"),
        ("products", "product_id: not int", 1, 0, 1, "raw/products/p.csv"),
    ]
    return sorted(found, key=lambda row: (-row[2], row[0], row[1]))


@question
def where_rows_came_from(files: Files) -> Answer:
    """Without the batch and the time, which no file says: those are asked for below. The orphans came into the table
    with the batch of their orders.
    """
    second = sum(1 for _ in csv.DictReader(io.StringIO(files.second["orders/late.csv"])))
    return [
        *sorted(
            [
                ("order_items", "raw/order_items/i.csv", len(files.items) - files.orphans),
                ("order_items", "raw/order_items/i.csv", files.orphans),
            ]
        ),
        ("orders", "raw/orders/late.csv", second),
        ("orders", "raw/orders/o.csv", len(files.orders) - second),
        ("products", "raw/products/p.csv", len(files.products)),
    ]


@pytest.fixture(scope="module")
def files() -> Files:
    return Files()


@pytest.fixture(scope="module")
def loaded(lakehouse_home: Path, lakehouse_aws: EmbeddedAws, files: Files) -> Lakehouse:
    """Both batches."""
    house = Lakehouse(own_settings(lakehouse_home), Aws(lakehouse_aws.environment()))
    bootstrap(house.settings, house.aws)
    for batch in (files.first, files.second):
        for name, text in batch.items():
            put(house, f"raw/{name}", text)
        ran(house)
    return house


@pytest.mark.parametrize("name", named_queries())
def test_the_answer_is_that_of_the_input_files(name: str, loaded: Lakehouse, files: Files) -> None:
    answer = [_as_files_say(name, row) for row in loaded.athena.query(statement_of(name)).rows]
    if name == "where_rows_came_from":
        answer.sort()
    expected = QUESTIONS[name](files)
    assert expected, "the files must hold what this query asks for"
    assert len(answer) == len(expected)
    for got, wanted in zip(answer, expected, strict=True):
        # Half a cent may be rounded either way: sums of doubles depend on their order.
        assert got == tuple(pytest.approx(value, abs=0.0101) if isinstance(value, float) else value for value in wanted)


def _as_files_say(name: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    if name == "where_rows_came_from":
        return row[0], row[1], row[3]
    if name == "top_customers":
        return *row[:3], row[3].removesuffix(".000 UTC").replace(" ", "T"), *row[4:]
    return row


def test_where_rows_came_from_names_the_batches(loaded: Lakehouse) -> None:
    batches = {(row[1], row[2]) for row in loaded.athena.query(statement_of("where_rows_came_from")).rows}
    first, second = (report["batch_id"] for report in loaded.reports.all())
    of_first = {(f"raw/{name}", first) for name in ("products/p.csv", "orders/o.csv", "order_items/i.csv")}
    assert batches == of_first | {("raw/orders/late.csv", second), ("raw/order_items/i.csv", second)}


@pytest.mark.parametrize("name", named_queries())
def test_each_query_says_what_it_answers_and_how_to_run_it(name: str) -> None:
    first_line = statement_of(name).splitlines()[0]
    assert first_line.startswith("-- README: ")
    assert first_line.endswith(f"Run it with: lakehouse query {name}")
