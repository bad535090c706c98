import subprocess
import sys

import pytest

from lakehouse_assets.embedded_aws.athena.results import QueryError
from lakehouse_assets.embedded_aws.athena.sql import TableName, translate


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("SELECT 1", []),
        ("SELECT * FROM Orders", ["dwh.orders"]),
        ('SELECT * FROM "Other"."Orders" JOIN awsdatacatalog.dwh.items USING (id)', ["dwh.items", "other.orders"]),
        (
            "SELECT (SELECT max(id) FROM a) FROM b WHERE id IN (SELECT id FROM c) UNION SELECT id FROM d",
            ["dwh.a", "dwh.b", "dwh.c", "dwh.d"],
        ),
        (
            "WITH recent AS (SELECT * FROM orders) SELECT * FROM recent JOIN items USING (id)",
            ["dwh.items", "dwh.orders"],
        ),
        ("WITH orders AS (SELECT * FROM orders) SELECT * FROM orders", ["dwh.orders"]),
        ("WITH orders AS (SELECT 1) SELECT * FROM orders JOIN other.orders ON true", ["other.orders"]),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT * FROM n", []),
    ],
)
def test_the_tables_of_a_query_are_found(sql: str, tables: list[str]) -> None:
    assert sorted(translate(sql, [], "dwh").tables) == [TableName(*table.split(".")) for table in tables]


@pytest.mark.parametrize(
    "sql",
    ["SELECT * FROM other.dwh.orders", "SELECT * FROM read_csv('x')", "CREATE VIEW v AS SELECT 1", "SHOW TABLES", ""],
)
def test_what_cannot_be_answered_is_refused(sql: str) -> None:
    with pytest.raises(QueryError):
        translate(sql, [], "dwh")


def test_a_statement_that_is_nested_too_deeply_is_refused_in_words() -> None:
    with pytest.raises(QueryError, match="nested too deeply"):
        translate(f"SELECT {'(' * 500}1{')' * 500}", [], "dwh")


def test_a_refusal_has_no_terminal_colours() -> None:
    with pytest.raises(QueryError) as refused:
        translate("SELECT (1", [], "dwh")

    assert "\x1b" not in str(refused.value)


FIRST_QUERIES_AT_ONCE = """
import sys, threading, time
from lakehouse_assets.embedded_aws.athena.sql import translate

sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=translate, args=("SELECT 1", [], "d")) for _ in range(30)]
for thread in threads:
    thread.start()
    time.sleep(0.0005)
for thread in threads:
    thread.join()
"""


@pytest.mark.parametrize("attempt", range(4))
def test_the_first_queries_of_a_process_may_come_at_once(attempt: int) -> None:
    """Several attempts, because one in two failed when the first query loaded the dialects."""
    ended = subprocess.run(
        [sys.executable, "-c", FIRST_QUERIES_AT_ONCE], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stderr == "", attempt
