"""A batch that can never succeed is given up: it makes way for the next, and each of its files and rows is accounted
for.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.main import app
from lakehouse_assets.cli.runs import run_batch
from lakehouse_assets.errors import BadConfiguration, BadData, TemporaryOutage
from lakehouse_assets_tests.crashing import Crash, Life, living
from lakehouse_assets_tests.glue.jobs import SLEEP, make_job, stopped
from lakehouse_assets_tests.support import (
    ORDERS,
    append_behind_its_back,
    archived,
    body,
    file_of,
    freeze,
    item,
    items_csv,
    keys,
    nonzero,
    order,
    orders_csv,
    outcomes,
    product,
    products_csv,
    put,
    put_one_of_each,
    ran,
    rejects,
    run,
    table_rows,
    workbook,
)

PRODUCTS = products_csv(product(1), product("x"), product("y"))


def with_reject_limit(lakehouse: Lakehouse, limit: float) -> Lakehouse:
    return Lakehouse(lakehouse.settings.model_copy(update={"reject_limit": limit}), lakehouse.aws)


def fail_at_the_limit(lakehouse: Lakehouse) -> None:
    """Orders are loaded, of the products too many rows are rejected: the batch fails between the two."""
    put(lakehouse, "raw/products/p.csv", PRODUCTS)
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1)))
    strict = with_reject_limit(lakehouse, 0.5)
    batch = freeze(strict)
    batch.load("orders")
    with pytest.raises(BadData, match="above the limit") as failure:
        batch.load("products")
    batch.record_failure(str(failure.value))


def test_what_was_loaded_is_archived_and_what_was_not_is_set_aside_with_the_reason(lakehouse: Lakehouse) -> None:
    fail_at_the_limit(lakehouse)
    report = lakehouse.abandon("The sender is out of business.")
    assert report["status"] == "abandoned"
    assert "The sender is out of business. (It had failed: products: 2 of 3 rows are rejected" in str(report["error"])
    assert outcomes(report) == {"o.csv": "loaded", "p.csv": "abandoned"}
    assert {dataset: nonzero(counts) for dataset, counts in report["datasets"].items()} == {
        "orders": {"read": 1, "inserted": 1}
    }
    assert lakehouse.reports.all() == [report]
    assert (lakehouse.open_batch(), keys(lakehouse, "raw/")) == (None, [])
    assert archived(lakehouse) == {"raw/orders/o.csv": orders_csv(order(1)).encode()}
    aside = archived(lakehouse, "rejected/files/")
    assert aside["raw/products/p.csv"] == PRODUCTS.encode()
    assert b"out of business" in aside["raw/products/p.csv.reason.json"]
    assert len(table_rows(lakehouse, "orders")) == 1
    assert any(b"abandoned" in body(lakehouse, key) for key in keys(lakehouse, "control/ledger/"))


def test_the_next_batch_runs_and_the_files_sent_again_lose_and_double_nothing(lakehouse: Lakehouse) -> None:
    """The rejected records were written before the batch failed: the same content brings the same ones, which are there
    already.
    """
    fail_at_the_limit(lakehouse)
    lakehouse.abandon("")
    assert run(lakehouse) is None, "what was given up does not come back by itself"
    put(lakehouse, "raw/products/q.csv", products_csv(product(7)))
    assert ran(lakehouse)["status"] == "succeeded"
    put(lakehouse, "raw/products/p.csv", PRODUCTS)
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1)))
    report = ran(lakehouse)
    assert nonzero(report["datasets"]["products"]) == {"read": 3, "inserted": 1, "rejected": 2}
    assert nonzero(report["datasets"]["orders"]) == {"read": 1, "unchanged": 1}
    assert table_rows(lakehouse, "products", "product_id") == [(1,), (7,)]
    assert len(rejects(lakehouse, "products")) == 2


def test_a_batch_is_not_given_up_while_a_glue_run_may_write(lakehouse: Lakehouse) -> None:
    """A run outlives the Dagster that started it. What it loads plays no part here, so it only sleeps."""
    on_glue = Lakehouse(
        lakehouse.settings.model_copy(update={"engine": "auto", "glue_job": "{job}-" + uuid4().hex[:12]}), lakehouse.aws
    )
    fail_at_the_limit(lakehouse)
    runs = make_job(on_glue, SLEEP)
    run_id = runs.start({"--manifest": "s3://bucket/1.json"}, {}, print)
    with pytest.raises(
        TemporaryOutage, match=f"Run {run_id} of Glue job {runs.job} is (starting|running) and may still write"
    ):
        on_glue.abandon("enough")
    assert [report["status"] for report in lakehouse.reports.all()] == ["failed"]
    assert len(keys(lakehouse, "raw/")) == 2
    stopped(runs)
    assert on_glue.abandon("enough")["status"] == "abandoned"


@pytest.mark.parametrize("name", ["b.xlsx", "b#1.xlsx"])
def test_a_workbook_with_a_sheet_that_was_not_loaded_is_set_aside_whole(
    lakehouse: Lakehouse, tmp_path: Any, name: str
) -> None:
    put(lakehouse, f"uploads/{name}", workbook(tmp_path / "b.xlsx", {"1": [ORDERS, order("x")]}))
    strict = with_reject_limit(lakehouse, 0)
    with pytest.raises(BadData):
        run(strict)
    lakehouse.abandon("")
    assert keys(lakehouse, "uploads/") == keys(lakehouse, "raw/") == keys(lakehouse, "archived/") == []
    assert f"uploads/{name}" in archived(lakehouse, "rejected/files/")
    put(lakehouse, f"uploads/{name}", workbook(tmp_path / "c.xlsx", {"1": [ORDERS, order(1)]}))
    assert ran(lakehouse)["status"] == "succeeded"


def test_a_file_that_was_deleted_before_it_was_read_is_named_and_the_others_are_kept(lakehouse: Lakehouse) -> None:
    version = put(lakehouse, "raw/products/gone.csv", products_csv(product(1)))
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1)))
    batch = freeze(lakehouse)
    lakehouse.zone.store.s3.delete_object(
        Bucket=lakehouse.settings.bucket, Key="raw/products/gone.csv", VersionId=version
    )
    batch.record_failure("raw/products/gone.csv was deleted")
    report = lakehouse.abandon("")
    assert str(file_of(report, "gone.csv")["reason"]).endswith("it was deleted before it could be moved")
    assert "raw/orders/o.csv" in archived(lakehouse, "rejected/files/")
    put_one_of_each(lakehouse)
    assert ran(lakehouse)["status"] == "succeeded"


@pytest.mark.usefixtures("environment_of_lakehouse")
def test_a_batch_whose_check_cannot_pass_is_closed_with_all_that_it_loaded(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    run_batch(lakehouse)
    append_behind_its_back(lakehouse, "products", batch_id="'someone'")
    put(lakehouse, "raw/orders/more.csv", orders_csv(order(5)))
    assert run_batch(lakehouse)["status"] == "failed"
    report = lakehouse.abandon("")
    assert outcomes(report) == {"more.csv": "loaded"}
    assert len(table_rows(lakehouse, "orders")) == 2
    assert lakehouse.open_batch() is None


@pytest.mark.parametrize("writes", [1, 2, 3, 4, 6, 8, 10, 12])
def test_abandoning_that_is_interrupted_is_done_again_and_no_run_goes_on_with_the_batch_meanwhile(
    lakehouse: Lakehouse, writes: int
) -> None:
    fail_at_the_limit(lakehouse)
    with living(lakehouse, Life(writes)) as mortal, suppress(Crash):
        mortal.abandon("once")
    if lakehouse.open_batch() is not None:
        with pytest.raises(BadData, match="Run `lakehouse abandon` again"):
            run(lakehouse)
        lakehouse.abandon("twice")
    [report] = lakehouse.reports.all()
    assert (report["status"], outcomes(report)) == ("abandoned", {"o.csv": "loaded", "p.csv": "abandoned"})
    assert str(report["error"]).startswith("once")
    assert (lakehouse.open_batch(), keys(lakehouse, "raw/")) == (None, [])
    assert set(archived(lakehouse)) == {"raw/orders/o.csv"}
    assert set(archived(lakehouse, "rejected/files/")) == {"raw/products/p.csv", "raw/products/p.csv.reason.json"}
    assert len(keys(lakehouse, "control/ledger/")) == 2


def test_only_an_open_batch_can_be_abandoned(lakehouse: Lakehouse) -> None:
    with pytest.raises(BadConfiguration, match="no batch is open"):
        lakehouse.abandon("")


def test_a_batch_that_succeeded_and_was_not_closed_cannot_be_abandoned(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_one_of_each(lakehouse)
    monkeypatch.setattr("lakehouse_assets.batches.batch.close_batch", lambda *_: None)
    ran(lakehouse)
    monkeypatch.undo()
    with pytest.raises(
        BadConfiguration, match=r"succeeded, but was interrupted before it was closed. `lakehouse load`"
    ):
        lakehouse.abandon("")
    assert ran(lakehouse)["status"] == "succeeded"
    assert lakehouse.open_batch() is None


@pytest.mark.usefixtures("environment_of_lakehouse")
def test_a_batch_that_was_killed_before_it_could_say_why_can_be_abandoned(lakehouse: Lakehouse) -> None:
    """For want of memory, say, and so each time: it would block all others."""
    put_one_of_each(lakehouse)
    batch = freeze(lakehouse)
    batch.load("orders")
    asked = CliRunner().invoke(app, ["abandon"])
    assert asked.exit_code == 2
    assert "was stopped or killed before it recorded an error; `lakehouse load` would resume it" in asked.output
    report = lakehouse.abandon("too big")
    assert report["error"] == "too big (It was stopped or killed before it could say why.)"
    assert sorted(outcomes(report).values()) == ["abandoned", "abandoned", "loaded"]
    assert (lakehouse.open_batch(), keys(lakehouse, "raw/")) == (None, [])


def test_orphans_whose_parents_an_abandoned_batch_loaded_are_healed_by_the_next_one(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/order_items/early.csv", items_csv(item(1, 1, 1), item(2, 1, 99)))
    ran(lakehouse)
    for name in ("first", "second"):
        put(lakehouse, f"raw/order_items/{name}.csv", items_csv(item(name, 1, 1)))
        put(
            lakehouse,
            f"raw/{'orders' if name == 'first' else 'products'}/{name}.csv",
            orders_csv(order(1)) if name == "first" else products_csv(product(1)),
        )
        with pytest.raises(BadData, match=r"order_items: .* rows are rejected"):
            run(with_reject_limit(lakehouse, 0))
        lakehouse.abandon("")
    put(lakehouse, "raw/products/unrelated.csv", products_csv(product(7)))
    report = ran(lakehouse)
    assert nonzero(report["datasets"]["order_items"]) == {"retried": 2, "inserted": 1, "rejected": 1}
    assert table_rows(lakehouse, "order_items", "id") == [(1,)]
    assert {record["raw"]["id"]: record["waiting"] for record in rejects(lakehouse, "order_items")}["1"] is False
    put(lakehouse, "raw/products/more.csv", products_csv(product(8)))
    assert nonzero(ran(lakehouse)["datasets"]["order_items"]) == {}, "they are not looked at again with each batch"


@pytest.mark.usefixtures("environment_of_lakehouse")
def test_the_command_asks_and_prints_what_became_of_the_files(lakehouse: Lakehouse) -> None:
    fail_at_the_limit(lakehouse)
    asked = CliRunner().invoke(app, ["abandon"])
    assert asked.exit_code == 2
    assert "2 of 3 rows are rejected" in asked.output
    assert "lakehouse abandon --yes" in asked.output
    done = CliRunner().invoke(app, ["abandon", "--yes", "--reason", "enough"])
    assert done.exit_code == 0, done.output
    assert "abandoned; 1 file was not taken." in done.output
    assert "p.csv" in done.output
    assert "enough" in CliRunner().invoke(app, ["history"]).output


def test_a_load_whose_commit_the_tables_log_does_not_have_is_not_called_loaded(lakehouse: Lakehouse) -> None:
    fail_at_the_limit(lakehouse)
    lakehouse.zone.store.delete_all("lakehouse-dwh/orders/")
    report = lakehouse.abandon("The table is gone.")
    assert outcomes(report) == {"p.csv": "abandoned", "o.csv": "abandoned"}
    assert sorted(archived(lakehouse, "rejected/files/")) == [
        "raw/orders/o.csv",
        "raw/orders/o.csv.reason.json",
        "raw/products/p.csv",
        "raw/products/p.csv.reason.json",
    ]
    put(lakehouse, "raw/orders/again.csv", body_of_set_aside(lakehouse, "o.csv"))
    assert nonzero(ran(lakehouse)["datasets"]["orders"]) == {"read": 1, "inserted": 1}


def body_of_set_aside(lakehouse: Lakehouse, name: str) -> bytes:
    [key] = [key for key in keys(lakehouse, "rejected/files/") if key.endswith(name)]
    return body(lakehouse, key)
