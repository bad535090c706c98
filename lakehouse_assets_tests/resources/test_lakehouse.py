"""The lakehouse as a resource of a run: a mistake in its configuration is refused, and never retried."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from lakehouse_assets.definitions import defs
from lakehouse_assets.jobs import LOAD_BATCH
from lakehouse_assets.local.dagster_home import dagster_home

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance as `lakehouse up` has it, with retries of runs."""
    with dg.DagsterInstance.from_config(str(dagster_home(tmp_path))) as instance:
        yield instance


def test_an_unknown_engine_is_refused_before_a_run_is_created(instance: dg.DagsterInstance) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match="not in enum type Engine got nonsense"):
        defs.resolve_job_def(LOAD_BATCH).execute_in_process(
            instance=instance, run_config={"resources": {"lakehouse": {"config": {"engine": "nonsense"}}}}
        )
    assert instance.get_runs_count() == 0


def test_a_run_that_a_wrong_setting_ends_is_not_retried(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_REJECT_LIMIT", "7")
    ended = defs.resolve_job_def(LOAD_BATCH).execute_in_process(instance=instance, raise_on_error=False)
    run = instance.get_run_by_id(ended.run_id)
    assert run is not None
    assert (run.status, run.tags["dagster/will_retry"]) == (dg.DagsterRunStatus.FAILURE, "false")
