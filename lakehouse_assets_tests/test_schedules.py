"""The upkeep by the clock, as Dagster runs it."""

from __future__ import annotations

import dagster as dg
import pytest
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME
from dagster._core.instance.config import PoolGranularity

from lakehouse_assets.assets.keys import rejected_key, table_key
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.batches.lease import Lease
from lakehouse_assets.definitions import defs
from lakehouse_assets.jobs import LOAD_BATCH, POOL
from lakehouse_assets.local.dagster_home import dagster_home
from lakehouse_assets.schedules import MAINTAIN_TABLES
from lakehouse_assets_tests.support import delta_versions, product, products_csv, put, put_one_of_each, ran, table_rows

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")


def test_maintenance_makes_small_files_few_and_changes_no_row(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    ran(lakehouse)
    for number in range(2, 5):
        put(lakehouse, f"raw/products/{number}.csv", products_csv(product(number)))
        ran(lakehouse)
    rows, versions = table_rows(lakehouse, "products"), delta_versions(lakehouse)
    maintained = defs.resolve_job_def("maintain_tables").execute_in_process()
    observed = {
        event.asset_key: event.asset_observation_data.asset_observation.metadata
        for event in maintained.get_asset_observation_events()
    }
    assert set(observed) == {key(dataset) for dataset in lakehouse.contracts for key in (table_key, rejected_key)}
    assert (
        observed[table_key("products")]["files_compacted"].value,
        observed[table_key("orders")]["files_compacted"].value,
    ) == (4, 0)
    assert table_rows(lakehouse, "products") == rows
    assert delta_versions(lakehouse) != versions


def test_maintenance_does_not_begin_while_a_batch_runs(lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    put_one_of_each(lakehouse)
    ran(lakehouse)
    monkeypatch.setenv("LAKEHOUSE_LEASE_WAIT_SECONDS", "0")
    batch = Lease(lakehouse.zone.store, lakehouse.zone.lease_key, "a batch")
    batch.take(0, print)
    result = defs.resolve_job_def("maintain_tables").execute_in_process(raise_on_error=False)
    batch.release()
    assert not result.success
    [failure] = result.get_step_failure_events()
    assert "a batch is still using this lakehouse" in str(failure.step_failure_data.user_failure_data)


def test_the_instance_of_a_home_takes_its_settings(lakehouse: Lakehouse) -> None:
    with dg.DagsterInstance.from_config(str(dagster_home(lakehouse.settings.home))) as instance:
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
        assert instance.get_settings("run_retries")["retry_on_asset_or_op_failure"] is False
        pools = instance.get_concurrency_config().pool_config
        assert (pools.pool_granularity, pools.default_pool_limit) == (PoolGranularity.RUN, 1)


def test_every_step_that_takes_the_lease_is_in_the_one_pool() -> None:
    """So that Dagster's queue lets one run at a time begin, whatever part of the graph it is of."""
    for job in (LOAD_BATCH, MAINTAIN_TABLES, IMPLICIT_ASSET_JOB_NAME):
        steps = defs.resolve_job_def(job).nodes
        assert steps
        assert {pool for step in steps for pool in step.definition.pools} == {POOL}
        assert all(step.definition.pools for step in steps)
