"""Runs with nothing to do: they succeed, say why, and change nothing of what the UI shows."""

from __future__ import annotations

import logging

import dagster as dg
import pytest

from lakehouse_assets.assets.keys import BATCH, UPLOADS
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.definitions import defs
from lakehouse_assets.jobs import LOAD_BATCH
from lakehouse_assets_tests.support import order, orders_csv, product, products_csv, put, put_one_of_each

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")


def run_job(instance: dg.DagsterInstance, gate: str = "any") -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(LOAD_BATCH).execute_in_process(
        instance=instance, run_config={"ops": {"landing__batch": {"config": {"gate": gate}}}}
    )


def status(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> str | None:
    run = instance.get_run_by_id(result.run_id)
    return run.tags.get("lakehouse/status") if run else None


def warnings(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> list[str]:
    return [entry.user_message for entry in instance.all_logs(result.run_id) if entry.level == logging.WARNING]


def skipped(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.step_key or "" for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_SKIPPED}


def test_nothing_waits_so_nothing_is_materialized_and_the_run_says_so(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    result = run_job(instance)
    assert result.get_asset_materialization_events() == []
    assert [event.asset_key for event in result.get_asset_observation_events()] == [UPLOADS]
    assert set(result.job_def.graph.node_dict) - skipped(result) == {"convert_uploads"}
    assert status(instance, result) == "nothing_to_do"
    assert warnings(instance, result) == ["Nothing to load: no files are waiting."]
    assert lakehouse.reports.all() == []


def test_a_run_with_nothing_to_do_evaluates_the_checks_so_that_none_is_shown_as_skipped(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    put_one_of_each(lakehouse)
    run_job(instance)
    result = run_job(instance)
    assert result.get_asset_materialization_events() == []
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        list(defs.resolve_asset_graph().asset_check_keys)
    )
    assert len(latest) == len(defs.resolve_asset_graph().asset_check_keys)
    assert {(record.run_id, record.status.value) for record in latest.values()} == {(result.run_id, "SUCCEEDED")}


def test_the_gate_holds_a_batch_back_and_says_what_waits_and_what_is_missing(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1)))
    result = run_job(instance, gate="all")
    assert "published__archive" in skipped(result)
    assert status(instance, result) == "waits_for_gate"
    [reason] = warnings(instance, result)
    assert reason.startswith("2 files (orders, products) are waiting for the gate, the oldest since 20")
    assert "also asks for a file of: order_items. To load the waiting files without it: run the job" in reason
    [observed] = [
        event.asset_observation_data.asset_observation
        for event in result.get_asset_observation_events()
        if event.asset_key == BATCH
    ]
    assert observed.description == reason
    assert (observed.metadata["waiting"].value, observed.metadata["missing"].value) == (2, "order_items")
    assert lakehouse.reports.all() == []

    assert status(instance, run_job(instance, gate="any")) == "succeeded"
