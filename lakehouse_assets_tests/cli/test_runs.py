"""The run of a `lakehouse load` whose process died or slept: what is left of it in Dagster, and whose report it is."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.batches.lease import Lease
from lakehouse_assets.cli import runs as batches
from lakehouse_assets.cli.runs import end_dead_runs, run_batch
from lakehouse_assets.definitions import defs
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.jobs import LOAD_BATCH
from lakehouse_assets.local.dagster_home import CODE_LOCATION, dagster_home
from lakehouse_assets.locks import locked
from lakehouse_assets_tests.support import (
    in_own_process,
    product,
    products_csv,
    put,
    put_one_of_each,
    ran,
    run,
    table_rows,
)

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")
UNFINISHED = [dg.DagsterRunStatus.STARTED]


@pytest.fixture
def instance(lakehouse: Lakehouse) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance of this home."""
    with dg.DagsterInstance.from_config(str(dagster_home(lakehouse.settings.home))) as instance:
        yield instance


def started(instance: dg.DagsterInstance, home: Path, **named: Any) -> str:
    """A run of a load of this home that has begun, and that nobody ends."""
    tags = batches._of_this_home(home)
    return instance.create_run_for_job(
        defs.resolve_job_def(LOAD_BATCH), status=dg.DagsterRunStatus.STARTED, tags=tags, **named
    ).run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run_id)
    assert found is not None
    return found.status


# A process that died


def test_the_run_of_a_load_that_was_killed_is_ended_by_the_next_one_and_keeps_no_place_in_the_pool(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    put_one_of_each(lakehouse)
    killed = in_own_process(
        lakehouse,
        """
        import os, signal
        from lakehouse_assets.batches.batch import Batch
        from lakehouse_assets.cli.runs import run_batch
        Batch.load = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        run_batch(lakehouse)
        """,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    [dead] = instance.get_runs(filters=dg.RunsFilter(statuses=UNFINISHED))

    assert run_batch(lakehouse)["status"] == "succeeded"

    assert status(instance, dead.run_id) == dg.DagsterRunStatus.FAILURE
    assert instance.get_runs(filters=dg.RunsFilter(statuses=UNFINISHED)) == []
    [ended] = instance.all_logs(dead.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert ended.get_dagster_event().message == batches.KILLED
    assert [len(table_rows(lakehouse, dataset)) for dataset in lakehouse.contracts] == [1, 1, 1]


def test_before_up_starts_dead_runs_are_ended_but_none_while_a_load_runs(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    home = lakehouse.settings.home
    run_id = started(instance, home)
    with locked(home / "load.lock"):
        end_dead_runs(home)
        assert status(instance, run_id) == dg.DagsterRunStatus.STARTED
    end_dead_runs(home)
    assert status(instance, run_id) == dg.DagsterRunStatus.FAILURE


def test_runs_of_another_home_and_runs_that_dagster_watches_are_left_alone(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """dagster.yaml may keep the runs of all homes in one database; and a run that is executed again in the UI has its
    first run's tags.
    """
    location = ManagedGrpcPythonEnvCodeLocationOrigin(
        LoadableTargetOrigin(module_name="lakehouse_assets.definitions"), "lakehouse_assets"
    )
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), LOAD_BATCH)
    others = started(instance, tmp_path)
    watched = instance.run_storage.add_run(
        dg.DagsterRun(
            job_name=LOAD_BATCH,
            status=dg.DagsterRunStatus.STARTED,
            tags=batches._of_this_home(lakehouse.settings.home),
            remote_job_origin=origin,
        )
    ).run_id
    end_dead_runs(lakehouse.settings.home)
    assert [status(instance, run_id) for run_id in (others, watched)] == [dg.DagsterRunStatus.STARTED] * 2
    for run_id in (others, watched):
        instance.delete_run(run_id)


def test_a_run_of_the_command_line_names_its_code_location_so_that_the_ui_can_execute_it_again(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    batch_id = run_batch(lakehouse)["batch_id"]
    [first] = instance.get_runs(dg.RunsFilter(tags={"lakehouse/batch": str(batch_id)}))
    assert first.remote_job_origin is not None
    assert first.remote_job_origin.location_name == CODE_LOCATION
    assert first.remote_job_origin.repository_origin.repository_name == defs.get_repository_def().name


# A process that slept


def taken_over(monkeypatch: pytest.MonkeyPatch, *, finishes: bool) -> None:
    """While this load sleeps before its first dataset another takes the lakehouse over, and does the batch or dies at
    once.
    """
    load = Batch.load

    def meanwhile(batch: Batch, *given: Any) -> Any:
        house = batch.connections
        monkeypatch.setattr(Batch, "load", load)
        other = Lease(house.zone.store, house.zone.lease_key, "another", seconds_to_live=-1)
        other.take(0, print)
        if finishes:
            assert run(Lakehouse(house.settings, house.aws)) is not None
        other.release()
        return load(batch, *given)

    monkeypatch.setattr(Batch, "load", meanwhile)


def test_a_load_that_slept_while_another_finished_its_batch_returns_the_others_report(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_one_of_each(lakehouse)
    taken_over(monkeypatch, finishes=True)
    report = run_batch(lakehouse)
    assert report["status"] == "succeeded"
    assert lakehouse.reports.all() == [report]


def test_a_load_that_slept_while_another_took_over_does_not_call_the_batch_failed(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_one_of_each(lakehouse)
    taken_over(monkeypatch, finishes=False)
    with pytest.raises(LakehouseError, match="another process took over the lakehouse"):
        run_batch(lakehouse)
    assert lakehouse.reports.all() == []
    assert lakehouse.pending.work_to_do() is not None, "a sensor goes on with it"
    assert ran(lakehouse)["status"] == "succeeded"


def test_a_load_that_is_interrupted_says_so_in_the_report(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise dg.DagsterExecutionInterruptedError

    put_one_of_each(lakehouse)
    with monkeypatch.context() as patched:
        patched.setattr(Batch, "load", interrupted)
        report = run_batch(lakehouse)
    assert (report["status"], report["error"]) == ("failed", batches.INTERRUPTED)
    assert run_batch(lakehouse)["status"] == "succeeded"
