"""Makes order items as CSV for the benchmarks: 50,000 items per day, on request with corrections."""

from __future__ import annotations

from pathlib import Path

import duckdb

ITEMS = """
SELECT n AS id, 10000 + n // 6 AS order_id, 1 + hash(n // 6) % 10000 AS user_id, CASE WHEN hash(n) % 11 > 0 THEN hash(n) % 31 END AS days_since_prior_order,
       1 + hash(n * 7) % 1000 AS product_id, 1 + n % 6 {correction} AS add_to_cart_order, hash(n) % 2 AS reordered,
       strftime(TIMESTAMP '2020-01-01' + INTERVAL (n // 50000) DAY + INTERVAL (hash(n // 6) % 86400) SECOND, '%Y-%m-%dT%H:%M:%S') AS order_timestamp,
       strftime(TIMESTAMP '2020-01-01' + INTERVAL (n // 50000) DAY, '%Y-%m-%d') AS date
FROM range({first}, {first} + {rows}) t(n)
"""


def items_csv(path: Path, rows: int, first: int = 0, corrected_one_in: int = 0) -> Path:
    """Writes `rows` items with keys from `first`. `corrected_one_in`: every n-th item has another add_to_cart_order; 0
    for none. Returns the path.
    """
    correction = f"+ CASE WHEN n % {corrected_one_in} = 0 THEN 10 ELSE 0 END" if corrected_one_in else ""
    if not path.exists():
        duckdb.connect().execute(
            f"COPY ({ITEMS.format(rows=rows, first=first, correction=correction)}) TO '{path}' (HEADER)"
        )
    return path


def parents(folder: Path, items: int) -> tuple[Path, Path]:
    """Writes the products and orders that the items refer to. Returns both paths."""
    products, orders = folder / "products.csv", folder / "orders.csv"
    connection = duckdb.connect()
    connection.execute(
        "COPY (SELECT n AS product_id, n % 20 AS department_id, 'Department' AS department, 'Product ' || n AS"
        f" product_name FROM range(1, 1001) t(n)) TO '{products}' (HEADER)"
    )
    connection.execute(
        "COPY (SELECT 1 + n % 100 AS order_num, 10000 + n AS order_id, 1 + hash(n) % 10000 AS user_id,"
        " strftime(TIMESTAMP '2020-01-01' + INTERVAL (n * 6 // 50000) DAY, '%Y-%m-%dT%H:%M:%S') AS order_timestamp,"
        " 10.5 AS total_amount, strftime(TIMESTAMP '2020-01-01' + INTERVAL (n * 6 // 50000) DAY, '%Y-%m-%d') AS date"
        f" FROM range({items // 6 + 1}) t(n)) TO '{orders}' (HEADER)"
    )
    return products, orders
