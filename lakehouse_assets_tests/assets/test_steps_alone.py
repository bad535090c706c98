"""Steps that are run alone or out of turn: materialized in the UI, executed again, or tried again by Dagster. A batch
that is not done is not closed, and the report of one that has ended stands."""

from __future__ import annotations

import logging

import dagster as dg
import pytest
from deltalake import DeltaTable

from lakehouse_assets.assets.idle import ALONE
from lakehouse_assets.assets.keys import athena_key
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.definitions import defs
from lakehouse_assets.errors import StepOutOfTurn
from lakehouse_assets.jobs import LOAD_BATCH
from lakehouse_assets_tests.sensors.support import Heard
from lakehouse_assets_tests.support import (
    append_behind_its_back,
    freeze,
    keys,
    load_all,
    order,
    orders_csv,
    product,
    products_csv,
    put,
    put_one_of_each,
    ran,
    rejects,
)

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")
ANY = {"ops": {"landing__batch": {"config": {"gate": "any"}}}}


def run_job(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(LOAD_BATCH).execute_in_process(instance=instance, raise_on_error=False, run_config=ANY)


def alone(instance: dg.DagsterInstance, *assets: str) -> dg.ExecuteInProcessResult:
    """As a person materializes single assets in the UI. An asset's checks come along."""
    selection = [dg.AssetKey(asset.split("/")) for asset in assets]
    return defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, raise_on_error=False, asset_selection=selection
    )


def checks_alone(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    """As `Execute checks` in the UI."""
    selection = dg.AssetSelection.all_asset_checks()
    job = dg.define_asset_job("checks", selection=selection)
    again = dg.Definitions(
        assets=defs.assets, asset_checks=defs.asset_checks, jobs=[job], resources=defs.resources, executor=defs.executor
    )
    return again.resolve_job_def("checks").execute_in_process(instance=instance, raise_on_error=False)


def not_done(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> str:
    """What the log of a run that succeeded and did nothing says."""
    assert result.success
    assert result.get_asset_materialization_events() == []
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["lakehouse/status"] == "nothing_to_do"
    said = [entry.user_message for entry in instance.all_logs(result.run_id) if entry.level == logging.WARNING]
    return said[0]


def said(result: dg.ExecuteInProcessResult) -> str:
    """Why the one step that failed did."""
    [failure] = result.get_step_failure_events()
    data = failure.step_failure_data.user_failure_data
    return str(data.description if data else failure.step_failure_data.error)


def fail_at_the_limit(lakehouse: Lakehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    put_one_of_each(lakehouse)
    put(lakehouse, "raw/products/p.csv", products_csv(product(1), product("x")))
    with monkeypatch.context() as strict:
        strict.setenv("LAKEHOUSE_REJECT_LIMIT", "0.2")
        assert not run_job(instance).success


# A batch that is not done


def test_the_report_alone_does_not_close_a_batch_whose_loads_failed(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at_the_limit(lakehouse, instance, monkeypatch)
    before = lakehouse.reports.all()

    result = alone(instance, "published/load_report")

    assert not result.success
    assert "is not loaded yet: " in said(result)
    assert "products" in said(result)
    assert lakehouse.reports.all() == before
    assert lakehouse.open_batch() is not None
    assert run_job(instance).success
    assert [(report["batch_id"], report["status"]) for report in lakehouse.reports.all()] == [
        (before[0]["batch_id"], "succeeded_with_rejects")
    ]
    assert len(rejects(lakehouse, "products")) == 1
    assert keys(lakehouse, "raw/") == []


def test_the_report_alone_does_not_close_a_batch_whose_check_failed(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    put_one_of_each(lakehouse)
    assert run_job(instance).success
    append_behind_its_back(lakehouse, "products", batch_id="'someone'")
    put(lakehouse, "raw/products/more.csv", products_csv(product(5)))
    assert not run_job(instance).success

    assert "failed: products: key_unique: 3 rows, 2 distinct values of product_id" in said(
        alone(instance, "published/load_report")
    )

    assert [report["status"] for report in lakehouse.reports.all()] == ["succeeded", "failed"]
    DeltaTable(lakehouse.tables.table("products"), storage_options=lakehouse.tables.storage_options).delete(
        "batch_id = 'someone'"
    )
    assert checks_alone(instance).success
    assert alone(instance, "published/load_report").success
    assert [report["status"] for report in lakehouse.reports.all()] == ["succeeded", "succeeded"]
    assert lakehouse.open_batch() is None


def test_a_batch_that_is_loaded_but_not_archived_or_not_checked_stays_open_and_without_a_report(
    lakehouse: Lakehouse,
) -> None:
    """Without a report: so the sensor still goes on with it."""
    put_one_of_each(lakehouse)
    batch = freeze(lakehouse)
    load_all(batch)
    with pytest.raises(StepOutOfTurn, match=r"is not archived yet: raw/.*csv"):
        batch.finish()
    batch.archive()
    with pytest.raises(StepOutOfTurn, match="The tables were not checked"):
        batch.finish()
    assert (lakehouse.open_batch(), lakehouse.reports.all()) == (batch, [])
    assert (
        Lakehouse(
            lakehouse.settings, lakehouse.aws, execution="arn:aws:states:us-east-1:000000000000:execution:machine:one"
        )
        .batch(batch.id)
        .finish()
    )
    assert lakehouse.open_batch() is None


def test_a_step_out_of_turn_does_not_make_an_interrupted_batch_a_failed_one(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at_the_limit(lakehouse, instance, monkeypatch)
    batch = lakehouse.open_batch()
    assert batch is not None
    lakehouse.zone.store.delete(
        lakehouse.zone.report_key(batch.manifest)
    )  # as if it had been killed before it could say why
    assert "is not loaded yet" in said(alone(instance, "published/load_report"))
    assert "is not loaded yet" in said(checks_alone(instance))
    assert lakehouse.reports.all() == []
    assert lakehouse.pending.work_to_do() is not None


# Before the first batch


@pytest.mark.parametrize("asset", ["lakehouse/products", "published/load_report"])
def test_a_step_before_the_first_batch_does_nothing_and_says_so(instance: dg.DagsterInstance, asset: str) -> None:
    together = {"lakehouse/products": ("rejected/rejected_products",)}
    said = not_done(instance, alone(instance, asset, *together.get(asset, ())))
    assert said == f"No batch has been loaded yet. Nothing was done. {ALONE}"


def test_the_checks_before_the_first_batch_succeed_without_a_result(instance: dg.DagsterInstance) -> None:
    result = checks_alone(instance)
    assert result.success
    assert list(result.get_asset_check_evaluations()) == []


# A batch that has ended


@pytest.mark.parametrize(
    "asset", ["lakehouse/products", "published/archive", "published/athena_products", "published/load_report"]
)
def test_a_step_of_an_abandoned_batch_does_nothing_and_its_report_stands(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, asset: str
) -> None:
    fail_at_the_limit(lakehouse, instance, monkeypatch)
    report = lakehouse.abandon("enough")
    together = {
        "lakehouse/products": ("rejected/rejected_products",),
        "published/athena_products": ("published/athena_orders", "published/athena_order_items"),
    }
    result = alone(instance, asset, *together.get(asset, ()))
    assert not_done(instance, result) == f"Batch {report['batch_id']} has ended (abandoned). Nothing was done. {ALONE}"
    assert lakehouse.reports.all() == [report]
    assert lakehouse.zone.store.get_json(lakehouse.zone.abandoned_key) == [report["batch_id"]]


def test_the_report_of_a_batch_that_has_succeeded_is_shown_again_and_told_nobody_twice(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, heard: Heard
) -> None:
    put_one_of_each(lakehouse)
    assert run_job(instance).success
    assert [subject for subject, _ in heard()] == ["A batch succeeded"]
    [before] = lakehouse.reports.all()

    again = alone(instance, "published/load_report")

    assert again.success
    [event] = again.get_asset_materialization_events()
    assert event.materialization.metadata["batch_id"].value == before["batch_id"]
    assert (heard(), lakehouse.reports.all()) == ([], [before])


def test_dagsters_retry_of_a_run_whose_batch_another_run_has_finished_changes_nothing(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the failure on, as Dagster's daemon does: the id of the batch comes from the first run."""
    fail_at_the_limit(lakehouse, instance, monkeypatch)
    report = ran(lakehouse)
    loads = {f"{group}{dataset}" for group in ("lakehouse/", "rejected/rejected_") for dataset in lakehouse.contracts}
    retried = alone(
        instance,
        *loads,
        "published/archive",
        *(f"published/athena_{dataset}" for dataset in lakehouse.contracts),
        "published/load_report",
    )
    assert not_done(instance, retried).startswith(f"Batch {report['batch_id']} has ended ({report['status']}).")
    assert lakehouse.reports.all() == [report]
    assert len(keys(lakehouse, "archived/")) == 4


@pytest.mark.parametrize("ended", ["succeeded", "abandoned"])
def test_every_check_of_a_batch_that_has_ended_has_a_result_and_no_report_changes(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, ended: str
) -> None:
    """Rows of it were updated by a batch since, which another orchestrator ran. That they are not there as the batch
    wrote them is not a fault.
    """
    put_one_of_each(lakehouse)
    assert run_job(instance).success
    if ended == "abandoned":
        fail_at_the_limit(lakehouse, instance, monkeypatch)
        lakehouse.abandon("enough")
    put(lakehouse, "raw/products/q.csv", products_csv(product(1, "Globe")))
    put(lakehouse, "raw/orders/q.csv", orders_csv(order(1, 99)))
    ran(lakehouse)
    reports = lakehouse.reports.all()

    result = checks_alone(instance)

    assert result.success
    found = {it.asset_check_key: it for it in result.get_asset_check_evaluations()}
    assert set(found) == defs.resolve_asset_graph().asset_check_keys
    assert {key for key, it in found.items() if not it.passed} == set()
    counts = found[dg.AssetCheckKey(athena_key("products"), "batch_counts")]
    said = "Later batches changed the others." if ended == "succeeded" else ", 0 written"
    assert said in (counts.description or "")
    append_behind_its_back(lakehouse, "products", batch_id="'someone'")
    assert not checks_alone(instance).success
    assert lakehouse.reports.all() == reports
