"""The Dagster job, as `lakehouse load` runs it: what it materializes and checks, and what happens when a step fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from deltalake import DeltaTable

from lakehouse_assets.assets.keys import ATHENA, UPLOADS, athena_key, rejected_key
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.runs import run_batch
from lakehouse_assets.definitions import defs
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.etl.engines.embedded import delta
from lakehouse_assets.etl.report import NOTHING_TO_DO
from lakehouse_assets.jobs import LOAD_BATCH
from lakehouse_assets_tests.support import (
    ORDERS,
    append_behind_its_back,
    archived,
    csv_text,
    item,
    items_csv,
    keys,
    nonzero,
    order,
    outcomes,
    product,
    products_csv,
    put,
    put_one_of_each,
    rejects,
    table_rows,
    workbook,
)

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run_job(instance: dg.DagsterInstance, gate: str = "any") -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(LOAD_BATCH).execute_in_process(
        instance=instance, raise_on_error=False, run_config={"ops": {"landing__batch": {"config": {"gate": gate}}}}
    )


def metadata(result: dg.ExecuteInProcessResult, key: str) -> dict[str, Any]:
    """What an asset's materialization says in numbers and texts."""
    [event] = [
        event for event in result.get_asset_materialization_events() if event.asset_key == dg.AssetKey(key.split("/"))
    ]
    shown = (dg.TableMetadataValue, dg.TableColumnLineageMetadataValue)
    return {name: value.value for name, value in event.materialization.metadata.items() if not isinstance(value, shown)}


def checks(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], dg.AssetCheckEvaluation]:
    return {
        (evaluation.asset_key.path[-1].removeprefix(ATHENA), evaluation.check_name): evaluation
        for evaluation in result.get_asset_check_evaluations()
    }


def failed_checks(result: dg.ExecuteInProcessResult) -> set[tuple[str, str]]:
    return {name for name, evaluation in checks(result).items() if not evaluation.passed}


def not_started(result: dg.ExecuteInProcessResult) -> set[str]:
    started = {event.step_key for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_START}
    return {step for step in result.job_def.graph.node_dict if step not in started}


# A batch


def test_each_asset_is_materialized_with_the_batchs_numbers(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    put(
        lakehouse,
        "uploads/b.xlsx",
        workbook(
            tmp_path / "b.xlsx", {"1": [ORDERS, order(1)], "2": [ORDERS, order(2), order("x")], "notes": [["hello"]]}
        ),
    )
    put(lakehouse, "raw/products/p.csv", products_csv(product(1), product(2)))
    put(lakehouse, "raw/products/unusable.csv", "1,2\n")
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1), item(2, 9, 1)))

    result = run_job(instance)

    assert result.success
    [report] = lakehouse.reports.all()
    batch = report["batch_id"]
    [uploads] = [event.asset_observation_data.asset_observation for event in result.get_asset_observation_events()]
    assert uploads.asset_key == UPLOADS
    assert {name: value.value for name, value in uploads.metadata.items()} == {
        "uploads": 1,
        "sheets": 3,
        "rows": 3,
        "converted": 1,
    }
    assert instance.get_run_by_id(result.run_id).tags["lakehouse/batch"] == batch  # type: ignore[union-attr]
    raw = metadata(result, "landing/raw_orders")
    assert (raw["files"], raw["converted"], raw["rows_converted"]) == (2, 2, 3)
    assert raw["location"] == f"s3://{lakehouse.settings.bucket}/raw/orders"
    files = metadata(result, "landing/batch")
    assert (
        files["batch_id"],
        files["files"],
        files["files_to_load"],
        files["files_quarantined"],
        files["files_converted"],
    ) == (
        batch,
        6,
        4,
        1,
        1,
    )
    orders = metadata(result, "lakehouse/orders")
    assert orders.pop("seconds") > 0
    assert nonzero(orders) == {
        "batch_id": batch,
        "read": 3,
        "inserted": 2,
        "rejected": 1,
        "bytes": sum(file.size for file in lakehouse.batch(batch).manifest.to_load("orders")),
        "location": lakehouse.tables.table("orders"),
        "engine": "embedded",
        "dagster/row_count": 2,
    }
    products = metadata(result, "lakehouse/products")
    assert (products["read"], products["inserted"], products["rejected"]) == (2, 2, 0)
    assert metadata(result, "rejected/rejected_orders") == {
        "batch_id": batch,
        "rejected": 1,
        "location": lakehouse.tables.rejects("orders"),
        "command": "lakehouse rejects --dataset orders",
        "engine": "embedded",
        "dagster/row_count": 1,
    }
    assert metadata(result, "rejected/rejected_order_items")["rejected"] == 1
    archived_files = metadata(result, "published/archive")
    assert (archived_files["files"], archived_files["location"]) == (
        6,
        f"s3://{lakehouse.settings.bucket}/archived/{batch}",
    )
    health = metadata(result, "published/athena_orders")
    report_of_batch = health.pop("report")
    assert nonzero(health) == {
        "batch_id": batch,
        "read": 3,
        "inserted": 2,
        "rejected": 1,
        "dagster/row_count": 2,
        "partitions": 1,
        "catalog": "created",
        "command": 'lakehouse query "SELECT * FROM orders LIMIT 10"',
    }
    in_all = metadata(result, "published/load_report")
    assert (
        in_all["read"],
        in_all["inserted"],
        in_all["rejected"],
        in_all["files_loaded"],
        in_all["files_quarantined"],
    ) == (7, 5, 2, 4, 1)
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert in_all["report"] == report_of_batch
    assert in_all["status"] == run.tags["lakehouse/status"] == "succeeded_with_rejects"
    assert keys(lakehouse, "control/reports/") == [in_all["report"].removeprefix(f"s3://{lakehouse.settings.bucket}/")]
    assert len(result.get_asset_materialization_events()) == len(defs.resolve_all_asset_specs()) - 1, (
        "the uploads are people's, and only observed"
    )


def test_the_page_of_a_table_shows_which_days_are_loaded_with_their_rows(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    rows = [order(1), order(2, day="2025-04-03"), order(3, day="2025-04-03")]
    put(lakehouse, "raw/orders/o.csv", csv_text(ORDERS, rows))

    result = run_job(instance)

    [page] = [
        event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key == athena_key("orders")
    ]
    days = page["last_partitions"]
    assert isinstance(days, dg.TableMetadataValue)
    assert [record.data for record in days.records] == [
        {"date": "2025-04-03", "rows": 2},
        {"date": "2025-04-01", "rows": 1},
    ]


def test_reasons_are_shown_as_counts_and_never_with_a_rows_values(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product("secret"), product("hidden"), product(1, ""), product(2)))
    result = run_job(instance)
    [event] = [
        event for event in result.get_asset_materialization_events() if event.asset_key == rejected_key("products")
    ]
    table = event.materialization.metadata["reasons"]
    assert isinstance(table, dg.TableMetadataValue)
    assert {record.data["reason"]: record.data["rows"] for record in table.records} == {
        "product_id: not int": 2,
        "product_name: required": 1,
    }
    told = " ".join(str(event.event_specific_data) for event in result.all_events)
    assert "secret" not in told
    assert "hidden" not in told


def test_every_check_is_evaluated_and_passes(lakehouse: Lakehouse, instance: dg.DagsterInstance) -> None:
    put_one_of_each(lakehouse)
    result = run_job(instance)
    each = {"not_empty", "key_unique", "schema", "batch_counts", "reject_rate"}
    assert set(checks(result)) == {(dataset, check) for dataset in lakehouse.contracts for check in each} | {
        ("order_items", "no_orphans")
    }
    assert failed_checks(result) == set()
    assert {name: value.value for name, value in checks(result)["orders", "batch_counts"].metadata.items()} == {
        "in_table": 1,
        "written": 1,
    }


# Failures


def test_a_gate_that_is_none_is_refused_before_anything_runs(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    with pytest.raises(dg.DagsterInvalidConfigError, match="not in enum type Gate got Any"):
        run_job(instance, gate="Any")
    assert keys(lakehouse, "archived/") == []


def test_a_failing_batch_fails_the_run_with_our_words_and_the_next_run_goes_on_with_it(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_one_of_each(lakehouse)
    put(lakehouse, "raw/products/p.csv", products_csv(product("x")))
    monkeypatch.setenv("LAKEHOUSE_REJECT_LIMIT", "0.2")

    result = run_job(instance)

    assert not result.success
    [failure] = result.get_step_failure_events()
    assert failure.step_key == "load_products"
    data = failure.step_failure_data.user_failure_data
    assert data is not None
    assert "products: 1 of 2 rows are rejected, above the limit of 20%" in str(data.description)
    under_way = lakehouse.open_batch()
    assert under_way is not None
    report = under_way.report()
    assert report is not None
    assert (report["status"], report["error"]) == ("failed", data.description)
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["lakehouse/status"] == "failed"
    assert "above the limit of 20%" in run.tags["lakehouse/failed_because"]
    assert keys(lakehouse, "archived/") == []
    assert "published__archive" in not_started(result)

    monkeypatch.setenv("LAKEHOUSE_REJECT_LIMIT", "1")
    assert run_job(instance).success
    [report] = lakehouse.reports.all()
    assert (report["batch_id"], report["status"], report["error"]) == (
        under_way.id,
        "succeeded_with_rejects",
        None,
    )
    assert table_rows(lakehouse, "products", "product_id") == [(1,)]
    assert len(rejects(lakehouse, "products")) == 1
    assert len(keys(lakehouse, "archived/")) == 4


def test_a_failed_check_fails_the_run_and_leaves_the_batch_open(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    put_one_of_each(lakehouse)
    assert run_job(instance).success
    append_behind_its_back(lakehouse, "products", batch_id="'someone'")
    put(lakehouse, "raw/products/more.csv", products_csv(product(5)))

    result = run_job(instance)

    assert not result.success
    assert failed_checks(result) == {("products", "key_unique")}
    assert checks(result)["products", "key_unique"].severity == dg.AssetCheckSeverity.ERROR
    assert "published__load_report" in not_started(result)
    under_way = lakehouse.open_batch()
    assert under_way is not None
    report = under_way.report()
    assert report is not None
    assert report["status"] == "failed"
    assert report["error"] == "Checks failed: products: key_unique: 3 rows, 2 distinct values of product_id"
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["lakehouse/failed_because"] == report["error"]


def test_once_the_table_is_repaired_the_batch_is_closed_by_the_next_run(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    put_one_of_each(lakehouse)
    run_job(instance)
    append_behind_its_back(lakehouse, "products", batch_id="'someone'")
    put(lakehouse, "raw/products/more.csv", products_csv(product(5)))
    assert not run_job(instance).success
    DeltaTable(lakehouse.tables.table("products"), storage_options=lakehouse.tables.storage_options).delete(
        "batch_id = 'someone'"
    )
    assert run_job(instance).success
    assert lakehouse.open_batch() is None
    assert [report["status"] for report in lakehouse.reports.all()] == ["succeeded", "succeeded"]


def test_a_table_that_is_empty_because_its_rows_wait_warns_and_does_not_fail(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1)))
    result = run_job(instance)
    assert result.success
    assert failed_checks(result) == {(dataset, "not_empty") for dataset in lakehouse.contracts} | {
        ("order_items", "reject_rate")
    }
    assert checks(result)["order_items", "not_empty"].severity == dg.AssetCheckSeverity.WARN


# As the command line runs it


def test_the_report_is_returned_and_progress_is_told_step_by_step(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    told: list[tuple[str, str]] = []
    report = run_batch(lakehouse, progress=lambda step, what: told.append((step, what)))
    assert (report["status"], outcomes(report)) == (
        "succeeded",
        {"p.csv": "loaded", "o.csv": "loaded", "i.csv": "loaded"},
    )
    assert told[0] == ("convert_uploads", "started")
    assert told[-1] == ("published__load_report", "succeeded")
    assert told.index(("load_order_items", "started")) > max(
        told.index(("load_products", "succeeded")), told.index(("load_orders", "succeeded"))
    )
    assert len(archived(lakehouse)) == 3


def test_nothing_to_do_is_said_so(lakehouse: Lakehouse) -> None:
    assert run_batch(lakehouse) == NOTHING_TO_DO


def test_a_failed_batch_returns_its_report(lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_REJECT_LIMIT", "0")
    put(lakehouse, "raw/products/p.csv", products_csv(product("x")))
    report = run_batch(lakehouse)
    assert report["status"] == "failed"
    assert "above the limit of 0%" in str(report["error"])


def test_an_error_that_is_none_of_ours_is_a_failed_batch_too(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug, or something that nobody thought of: the report must say it all the same, and nothing may be archived."""

    def breaks(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("nobody thought of this")

    put_one_of_each(lakehouse)
    with monkeypatch.context() as broken:
        broken.setattr(delta, "append", breaks)
        report = run_batch(lakehouse)
    assert (report["status"], lakehouse.reports.all()) == ("failed", [report])
    assert report["error"] == "ZeroDivisionError: nobody thought of this"
    assert keys(lakehouse, "archived/") == []
    assert run_batch(lakehouse)["status"] == "succeeded"


def test_a_failure_before_there_is_a_batch_is_raised_with_our_words(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    assert lakehouse.freeze("any") is not None
    [manifest] = keys(lakehouse, "control/manifests/")
    lakehouse.zone.store.s3.delete_object(Bucket=lakehouse.settings.bucket, Key=manifest)
    with pytest.raises(
        LakehouseError, match=r"The manifest of batch .* is missing: someone deleted control/manifests/"
    ):
        run_batch(lakehouse)
