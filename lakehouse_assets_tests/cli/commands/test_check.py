"""`lakehouse check`: 0 when every table is sound, 1 when one is not."""

from __future__ import annotations

import pytest
from deltalake import DeltaTable
from typer.testing import CliRunner

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.main import app
from lakehouse_assets_tests.support import append_behind_its_back, order, orders_csv, put, put_one_of_each, ran

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")


def test_sound_tables_are_said_to_be_so(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    ran(lakehouse)
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 0, result.output
    assert "no_orphans" in result.output
    assert "failed" not in result.output


def test_a_key_that_stands_twice_is_named_and_fails(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    ran(lakehouse)
    append_behind_its_back(lakehouse, "products")
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 1
    failed = [line.split()[:3] for line in result.output.splitlines() if " failed " in line]
    assert failed == [["products", "key_unique", "failed"], ["products", "rows_by_file", "failed"]]


def test_rows_that_no_batch_wrote_are_named_and_fail_with_what_to_do(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    ran(lakehouse)
    append_behind_its_back(lakehouse, "products", batch_id="'nobody'", product_id="CAST(2 AS INT)")
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 1
    [line] = [line for line in result.output.splitlines() if " failed " in line]
    assert line.split()[:3] == ["products", "rows_by_file", "failed"]
    assert "products, rows_by_file: Another program writes to the table" in result.output


@pytest.mark.parametrize("arguments", [["check"], ["query", "top_customers"]])
def test_before_the_first_batch_it_is_said_what_runs_one(lakehouse: Lakehouse, arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert result.stderr == f"Error: No batch has run in {lakehouse.settings.home} yet. Run one: lakehouse load FILE\n"


def test_a_table_that_no_batch_has_written_to_may_be_empty(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1)))
    ran(lakehouse)
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 0, result.output
    assert {tuple(line.split()[:3]) for line in result.output.splitlines() if "not_empty" in line} == {
        ("orders", "not_empty", "passed"),
        ("products", "not_empty", "warning"),
        ("order_items", "not_empty", "warning"),
    }


def test_a_table_whose_rows_are_gone_fails(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    ran(lakehouse)
    DeltaTable(lakehouse.tables.table("orders"), storage_options=lakehouse.aws.storage_options).delete()
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 1
    assert ["orders", "not_empty", "failed"] in [line.split()[:3] for line in result.output.splitlines()]
