from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.athena import BadQuery, Result
from lakehouse_assets.errors import TemporaryOutage
from lakehouse_assets_tests.support import item, items_csv, order, orders_csv, product, products_csv, put, ran


@pytest.fixture
def loaded(lakehouse: Lakehouse) -> Lakehouse:
    """Two orders with items, of which one waits for its product; rejected products."""
    put(
        lakehouse,
        "raw/products/p.csv",
        products_csv(product(1, 'the "large", ü'), product("x"), product(2, "two\nlines")),
    )
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1), order(2, amount=0.1)))
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1), item(2, 2, 9), item(3, 2, 2)))
    ran(lakehouse)
    return lakehouse


def test_numbers_and_booleans_come_with_their_types_the_rest_as_text_and_null_as_none(loaded: Lakehouse) -> None:
    found = loaded.athena.query(
        "SELECT id, days_since_prior_order, CAST(id AS bigint) AS big, 0.5e0 AS half, id = 1 AS first, date,"
        " order_timestamp, '' AS nothing, CAST(-0.5e0 AS decimal(38, 7)) AS exact FROM order_items ORDER BY id"
    )
    assert found.columns == (
        "id",
        "days_since_prior_order",
        "big",
        "half",
        "first",
        "date",
        "order_timestamp",
        "nothing",
        "exact",
    )
    assert [type(value) for value in found.rows[0]] == [int, type(None), int, float, bool, str, str, str, Decimal]
    assert found.rows[0][:6] == (1, None, 1, 0.5, True, "2025-04-01")
    assert str(found.rows[0][6]).startswith("2025-04-01 11:27:00")
    assert found.rows[1][4] is False
    assert found.rows[0][8] == Decimal("-0.5")


def test_texts_come_as_they_are(loaded: Lakehouse) -> None:
    assert loaded.athena.query("SELECT product_name FROM products ORDER BY product_id").rows == [
        ('the "large", ü',),
        ("two\nlines",),
    ]


def test_tables_are_joined_as_an_analyst_would(loaded: Lakehouse) -> None:
    sql = """
        SELECT o.order_id, count(*) AS items, sum(o.total_amount) AS amount
        FROM orders o JOIN order_items i ON i.order_id = o.order_id
        GROUP BY o.order_id ORDER BY 1
    """
    assert loaded.athena.query(sql) == Result(("order_id", "items", "amount"), [(1, 1, 10.5), (2, 1, 0.1)])


def test_no_rows_have_columns_all_the_same(loaded: Lakehouse) -> None:
    assert loaded.athena.query("SELECT product_id, department FROM products WHERE false") == Result(
        ("product_id", "department"), []
    )


def test_a_result_of_many_pages_is_read_to_its_end(loaded: Lakehouse) -> None:
    """Athena gives at most 1,000 rows a page, and the header only in the first."""
    put(loaded, "raw/products/more.csv", products_csv(*map(product, range(10, 2_310))))
    ran(loaded)
    found = loaded.athena.query("SELECT product_id FROM products WHERE product_id >= 10 ORDER BY 1").rows
    assert found == [(number,) for number in range(10, 2_310)]


def test_rejected_records_can_be_queried(loaded: Lakehouse) -> None:
    found = loaded.athena.query(
        "SELECT dataset, array_join(reasons, '; '), raw['product_name'], source_file, row_number, healed_by, waiting"
        " FROM rejected_products"
    )
    assert found.rows == [("products", "product_id: not int", "Atlas", "raw/products/p.csv", 2, None, False)]
    waiting = loaded.athena.query(
        "SELECT raw['id'] AS id, r AS reason FROM rejected_order_items CROSS JOIN UNNEST(reasons) AS t(r) WHERE waiting"
    )
    assert waiting.rows == [("2", "product_id: no such products.product_id")]


def test_a_wrong_statement_says_athenas_reason_and_the_statement(loaded: Lakehouse) -> None:
    with pytest.raises(BadQuery, match=r"Athena: .*nowhere.*\nThe query was: SELECT 1 FROM nowhere") as failed:
        loaded.athena.query(" SELECT 1 FROM nowhere ")
    assert "does not exist" in str(failed.value)
    with pytest.raises(BadQuery, match="colour"):
        loaded.athena.query("SELECT colour FROM products")
    with pytest.raises(BadQuery, match="Athena: "):
        loaded.athena.query("SELEKT 1")


def test_a_statement_that_athena_does_not_even_begin_with_says_its_reason_too(loaded: Lakehouse) -> None:
    with pytest.raises(BadQuery, match=r"Athena: .*External keyword required.*\nThe query was: CREATE TABLE t"):
        loaded.athena.query("CREATE TABLE t (id int)")


def test_a_row_that_reads_like_the_header_is_a_row(loaded: Lakehouse) -> None:
    assert loaded.athena.query("SELECT 'a' AS a, 'b' AS b").rows == [("a", "b")]


class Answering:
    """Athena with one answer, as AWS gives it for statements that the embedded one refuses."""

    def __init__(self, kind: str, columns: list[str], rows: list[list[str]]) -> None:
        self._kind, self._columns, self._rows = kind, columns, rows

    def start_query_execution(self, **_: Any) -> Any:
        return {"QueryExecutionId": "1"}

    def get_query_execution(self, **_: Any) -> Any:
        return {"QueryExecution": {"StatementType": self._kind, "Status": {"State": "SUCCEEDED"}}}

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: Any) -> Any:
        rows = [{"Data": [{"VarCharValue": cell} for cell in row]} for row in self._rows]
        yield {
            "ResultSet": {
                "Rows": rows,
                "ResultSetMetadata": {"ColumnInfo": [{"Name": name, "Type": "string"} for name in self._columns]},
            }
        }


@pytest.mark.parametrize(
    ("client", "rows"),
    [
        (Answering("UTILITY", ["tab_name"], [["orders"], ["products"]]), [("orders",), ("products",)]),
        (Answering("UTILITY", ["tab_name"], [["tab_name"]]), [("tab_name",)]),
        (Answering("UTILITY", ["col_name", "data_type", "comment"], [["id   \tint    \t    "]]), [("id", "int", "")]),
        (
            Answering("UTILITY", ["col_name", "data_type", "comment"], [["# Partition Information"]]),
            [("# Partition Information", None, None)],
        ),
        (Answering("DDL", [], []), []),
        (Answering("DML", ["rows"], []), []),
    ],
    ids=[
        "SHOW TABLES",
        "a table called as the column",
        "DESCRIBE",
        "DESCRIBE of a table with partitions",
        "CREATE TABLE",
        "INSERT",
    ],
)
def test_only_a_select_has_a_header(lakehouse: Lakehouse, client: Any, rows: list[tuple[Any, ...]]) -> None:
    assert replace(lakehouse.athena, client=client).query("a statement").rows == rows


def test_a_query_sees_the_load_before_it_and_no_older_result(loaded: Lakehouse) -> None:
    counted = "SELECT count(*) FROM products"
    assert loaded.athena.query(counted).rows == [(2,)]
    put(loaded, "raw/products/more.csv", products_csv(product(3)))
    ran(loaded)
    assert loaded.athena.query(counted).rows == [(3,)]


class NeverDone:
    """Athena whose queries run for ever."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.stopped: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_query_execution(self, **_: Any) -> Any:
        return {"QueryExecution": {"Status": {"State": "RUNNING"}}}

    def stop_query_execution(self, QueryExecutionId: str) -> None:  # noqa: N803 - boto3's name
        self.stopped.append(QueryExecutionId)


def test_a_query_that_takes_too_long_is_stopped(loaded: Lakehouse) -> None:
    client = NeverDone(loaded.athena.client)
    with pytest.raises(TemporaryOutage, match=r"did not finish query .* within 0 s; it was stopped"):
        replace(loaded.athena, client=client, timeout=0).query("SELECT 1")
    assert len(client.stopped) == 1
