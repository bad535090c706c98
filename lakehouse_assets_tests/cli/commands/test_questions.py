"""`query`, `rejects`, `history` and `explain` on a lakehouse that holds something."""

from __future__ import annotations

import csv
import io
import json
import shlex
from typing import Any

import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.athena import Athena
from lakehouse_assets.catalog.athena import Result as Answer
from lakehouse_assets.catalog.queries import named_queries
from lakehouse_assets.cli.commands import COMMANDS
from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.etl.plan.types import form_of
from lakehouse_assets.etl.report_types import LoadReport
from lakehouse_assets_tests.cli.commands.calls import lakehouse_command
from lakehouse_assets_tests.support import item, items_csv, order, orders_csv, product, products_csv, put, ran


def answered(*arguments: str) -> Any:
    result = lakehouse_command(*arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def reports(house: Lakehouse) -> list[LoadReport]:
    """Two batches: an item waits for its order, which comes in the second."""
    put(house, "raw/products/p.csv", products_csv(product(1, "=HYPERLINK(1)"), product("x")))
    put(house, "raw/orders/o.csv", orders_csv(order(1, amount=20.25), order(2, amount="a lot", day="2025-02-30")))
    put(house, "raw/order_items/i.csv", items_csv(item(1, 1, 1), item(2, 3, 1)))
    first = ran(house)
    put(house, "raw/orders/late.csv", orders_csv(order(3)))
    return [first, ran(house)]


@pytest.fixture(autouse=True)
def _there_is_something(reports: list[LoadReport]) -> None:
    """Each of these questions is asked of a lakehouse that holds two batches."""


def test_an_answer_comes_with_its_types() -> None:
    sql = 'SELECT order_id, total_amount, "date", CAST(NULL AS VARCHAR) AS nothing FROM orders ORDER BY 1'
    assert answered("query", sql, "--format", "json") == [
        {"order_id": 1, "total_amount": 20.25, "date": "2025-04-01", "nothing": None},
        {"order_id": 3, "total_amount": 10.5, "date": "2025-04-01", "nothing": None},
    ]


def test_an_answer_as_csv_runs_nothing_in_a_spreadsheet() -> None:
    result = lakehouse_command("query", "SELECT product_name, -1 AS less FROM products", "--format", "csv")
    assert list(csv.reader(io.StringIO(result.stdout))) == [["product_name", "less"], ["'=HYPERLINK(1)", "-1"]]


@pytest.mark.parametrize("name", named_queries())
def test_a_saved_query_runs_by_its_name(name: str) -> None:
    assert isinstance(answered("query", name, "--format", "json"), list)


def test_the_saved_queries_say_what_the_tables_hold() -> None:
    assert {row["wrong"] for row in answered("query", "validate_orders", "--format", "json")} == {0}
    [customer] = answered("query", "top_customers", "--format", "json")
    assert (customer["user_id"], customer["orders"], customer["total"], customer["favourite_department"]) == (
        7,
        2,
        30.75,
        "Books",
    )
    found = {
        (row["dataset"], row["reason"]): (row["records"], row["healed"])
        for row in answered("query", "rejected_records_analysis", "--format", "json")
    }
    assert found["order_items", "order_id: no such orders.order_id"] == (1, 1)
    assert found["products", "product_id: not int"] == (1, 0)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE orders",
        "/* a comment */ delete FROM orders",
        "SELECT 1; DROP TABLE orders",
        "WITH x AS (SELECT 1) INSERT INTO orders SELECT * FROM x",
        "VACUUM orders",
        "EXPLAIN ANALYZE DELETE FROM orders",
        "UNLOAD (SELECT 1) TO 's3://elsewhere/' WITH (format = 'PARQUET')",
        "MERGE INTO orders whatever cannot be read",
        ";",
    ],
)
def test_a_statement_that_is_not_a_query_is_rejected_before_athena_is_asked(
    sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Athena, "query", lambda *_, **__: pytest.fail("Athena was asked"))
    result = lakehouse_command("query", sql)
    assert result.exit_code == 2, result.output
    assert "`lakehouse query` is read-only: give one query" in result.stderr


@pytest.mark.parametrize(
    "sql",
    [
        *named_queries(),
        "(SELECT 1) UNION ALL VALUES (2);",
        "WITH x AS (SELECT 'DROP TABLE orders' AS \"delete\") SELECT * FROM x -- drop",
        "SHOW TABLES",
        "DESCRIBE orders",
        "EXPLAIN ANALYZE VERBOSE SELECT 1",
        "SELECT what only Athena can read",
    ],
)
def test_every_query_reaches_athena(
    sql: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Athena, "query", lambda *_, **__: Answer(("n",), [(1,)]))
    assert lakehouse_command("query", sql).exit_code == 0
    assert not caplog.records


def test_a_saved_query_that_fails_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakehouse_assets.cli.commands.query.statement_of", lambda _: "SELECT 1\nFROM nowhere")
    result = lakehouse_command("query", "top_customers")
    assert result.exit_code == 1
    assert result.stderr.endswith("The query was: top_customers\n")


@pytest.mark.parametrize(
    ("sql", "code", "said"),
    [("SELEC 1", 1, "Athena:"), ("SELECT * FROM nowhere", 1, "nowhere"), ("top", 2, "top_customers"), (" ", 2, "")],
)
def test_a_wrong_question_ends_with_a_message(sql: str, code: int, said: str) -> None:
    result = lakehouse_command("query", sql)
    assert result.exit_code == code
    assert result.stderr.startswith("Error: ")
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_rejected_records_have_these_columns_and_the_raw_text(reports: list[LoadReport]) -> None:
    [record] = answered("rejects", "--dataset", "orders", "--format", "json")
    assert list(record) == [
        *("dataset", "state", "reasons", "raw", "source_file", "row_number", "batch_id"),
        *("healed_by", "resolved_by", "resolution"),
    ]
    assert record["reasons"][0] == "order_timestamp: not timestamp"
    assert "total_amount: not double" in record["reasons"]
    assert record["raw"]["total_amount"] == "a lot"
    assert (record["source_file"], record["row_number"], record["batch_id"], record["healed_by"]) == (
        "raw/orders/o.csv",
        2,
        reports[0]["batch_id"],
        None,
    )
    assert (record["state"], record["resolved_by"], record["resolution"]) == ("open", None, None)


def test_a_healed_orphan_is_resolved_by_the_batch_that_healed_it(reports: list[LoadReport]) -> None:
    [record] = answered("rejects", "--dataset", "order_items", "--all", "--format", "json")
    assert (record["state"], record["resolution"]) == ("resolved", "healed")
    assert record["healed_by"] == record["resolved_by"] == reports[1]["batch_id"]


def test_rejected_records_that_are_still_wrong_come_together_and_the_resolved_ones_are_counted() -> None:
    assert [record["dataset"] for record in answered("rejects", "--format", "json")] == ["orders", "products"]
    assert [record["dataset"] for record in answered("rejects", "--state", "resolved", "--format", "json")] == [
        "order_items"
    ]
    result = lakehouse_command("rejects", "--format", "csv")
    [header, *rows] = csv.reader(io.StringIO(result.stdout))
    assert header[:3] == ["dataset", "state", "reasons"]
    assert json.loads(rows[1][3])["product_id"] == "x"
    assert result.stderr == "Rejected records: 2 open, 0 waiting. Not shown: 1 resolved (--all shows them).\n"
    assert "product_id=x" in lakehouse_command("rejects").stdout


def test_rejected_records_can_be_asked_for_by_more_than_their_dataset(reports: list[LoadReport]) -> None:
    asked = (
        "--reason",
        "not double",
        "--file",
        "o.csv",
        "--batch",
        reports[0]["batch_id"],
        "--key",
        "2",
        "--since",
        "2025-01-01",
        "--format",
        "json",
    )
    assert [record["raw"]["order_id"] for record in answered("rejects", *asked)] == ["2"]
    assert answered("rejects", *asked, "--until", "2025-01-01") == []


@pytest.mark.parametrize("wrong", [("--state", "lost"), ("--since", "yesterday")])
def test_a_question_about_rejected_records_that_makes_no_sense_is_wrong_usage(wrong: tuple[str, ...]) -> None:
    assert lakehouse_command("rejects", *wrong).exit_code == 2


def test_an_unknown_dataset_is_wrong_usage() -> None:
    for arguments in (("rejects", "--dataset", "refunds"), ("explain", "refunds")):
        result = lakehouse_command(*arguments)
        assert result.exit_code == 2
        assert "orders, products, order_items" in result.stderr


def test_the_history_holds_every_batch_and_file_oldest_first(reports: list[LoadReport]) -> None:
    assert answered("history", "--json") == reports
    text = lakehouse_command("history").stdout
    assert (
        text.index(reports[0]["batch_id"])
        < text.index("i.csv")
        < text.index(reports[1]["batch_id"])
        < text.index("late.csv")
    )


@pytest.mark.parametrize("dataset", read_contracts())
def test_a_dataset_is_explained_by_all_that_its_contract_says(dataset: str) -> None:
    contract = read_contracts()[dataset]
    text = lakehouse_command("explain", dataset).stdout
    for column in contract.columns:
        assert column.description in text
        assert form_of(column) in text
    for rule in contract.rules:
        assert rule.name in text
        assert rule.description.rstrip(".") in text
    assert all(parent.reason in text for parent in contract.parents)
    assert "FROM raw" in text
    assert "FROM parented" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "example",
    [example for name in ("query", "check", "rejects", "history", "explain") for example in COMMANDS[name].examples],
)
def test_an_example_of_the_help_runs(example: str) -> None:
    result = lakehouse_command(*shlex.split(example)[1:])
    assert result.exit_code == 0, result.output
    assert result.stdout
