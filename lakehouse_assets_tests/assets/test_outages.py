"""What a step does about an outage, about a fault that no retry heals, and about a run that is stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.definitions import defs
from lakehouse_assets.errors import BadConfiguration, BadData, LakehouseBusy, TemporaryOutage
from lakehouse_assets.jobs import LOAD_BATCH, RETRIES
from lakehouse_assets.landing.freeze import close_batch
from lakehouse_assets.resources.glue import RunStopped
from lakehouse_assets.schedules import MAINTAIN_TABLES
from lakehouse_assets_tests.sensors.support import Daemon
from lakehouse_assets_tests.support import keys, put_one_of_each, table_rows

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")
AWAY = TemporaryOutage("Athena is away. Nothing is lost; run it again.")
TRIES = RETRIES.max_retries + 1
EITHER_INTERRUPT = pytest.mark.parametrize(
    "interrupt",
    [dg.DagsterExecutionInterruptedError(), RunStopped("The run was stopped, and so was run jr_1 of Glue job x.")],
)


def run_job(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(LOAD_BATCH).execute_in_process(instance=instance, raise_on_error=False)


def breaks(monkeypatch: pytest.MonkeyPatch, method: str, error: BaseException, times: int = 1_000) -> list[str]:
    """A method of the batch, or else of the lakehouse, raises so many times. Returns what grows by a name with each
    call."""
    owner = Batch if hasattr(Batch, method) else Lakehouse
    works, calls = getattr(owner, method), list[str]()

    def broken(owned: Batch | Lakehouse, *given: Any, **named: Any) -> Any:
        calls.append(method)
        if len(calls) <= times:
            raise error
        return works(owned, *given, **named)

    monkeypatch.setattr(owner, method, broken)
    return calls


# Outages


@pytest.mark.parametrize("method", ["convert", "freeze", "load", "archive", "refresh_catalog", "check", "finish"])
def test_an_outage_in_any_step_is_waited_out_within_the_run(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    put_one_of_each(lakehouse)
    breaks(monkeypatch, method, AWAY, times=RETRIES.max_retries)
    assert run_job(instance).success
    assert [report["status"] for report in lakehouse.reports.all()] == ["succeeded"]
    assert [len(table_rows(lakehouse, dataset)) for dataset in lakehouse.contracts] == [1, 1, 1]
    assert lakehouse.open_batch() is None


def test_an_outage_behind_the_last_write_leaves_the_batch_succeeded(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is closed, but the copies that were made for its loads cannot be deleted."""

    def closed_then_away(*given: Any) -> None:
        close_batch(*given)
        raise AWAY

    put_one_of_each(lakehouse)
    monkeypatch.setattr("lakehouse_assets.batches.batch.close_batch", closed_then_away)
    assert run_job(instance).success
    assert [report["status"] for report in lakehouse.reports.all()] == ["succeeded"]
    assert lakehouse.open_batch() is None


def test_an_outage_that_does_not_end_fails_the_batch_in_its_own_words(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_one_of_each(lakehouse)
    calls = breaks(monkeypatch, "check", AWAY)
    [failure] = run_job(instance).get_step_failure_events()
    assert len(calls) == TRIES
    told = failure.step_failure_data.user_failure_data
    assert told is not None
    assert told.description == str(AWAY)
    assert [(report["status"], report["error"]) for report in lakehouse.reports.all()] == [("failed", str(AWAY))]


@pytest.mark.parametrize(
    "error",
    [
        BadData("no good"),
        BadConfiguration("no such bucket"),
        LakehouseBusy("another works"),
        ZeroDivisionError("a fault of ours"),
    ],
)
def test_what_no_retry_heals_is_tried_once(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    put_one_of_each(lakehouse)
    calls = breaks(monkeypatch, "archive", error)
    assert not run_job(instance).success
    assert len(calls) == 1
    [report] = lakehouse.reports.all()
    assert str(report["error"]).endswith(str(error))


def test_rows_that_cannot_be_counted_for_the_ui_fail_no_batch(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_one_of_each(lakehouse)
    breaks(monkeypatch, "rows_in", OSError("Generic S3 error: 503"))
    result = run_job(instance)
    assert result.success
    assert [report["status"] for report in lakehouse.reports.all()] == ["succeeded"]
    logged = "\n".join(entry.user_message for entry in instance.all_logs(result.run_id))
    assert (
        f"{lakehouse.tables.table('orders')} is loaded, but its rows could not be counted: Generic S3 error: 503"
        in logged
    )


@pytest.mark.parametrize("job", [LOAD_BATCH, MAINTAIN_TABLES])
def test_an_instance_that_tries_runs_again_leaves_one_alone_whose_step_failed_and_not_one_whose_process_died(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    """By its default an instance would try bad data again, too."""
    (tmp_path / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\nrun_retries: {enabled: true, max_retries: 2}\n"
    )
    put_one_of_each(lakehouse)
    for method in ("archive", "maintain"):
        breaks(monkeypatch, method, BadData("no good"))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        definition = defs.resolve_job_def(job)
        failed = definition.execute_in_process(instance=instance, raise_on_error=False).run_id
        died = instance.create_run_for_job(
            definition, status=dg.DagsterRunStatus.STARTED, tags=dict(definition.run_tags)
        )
        instance.report_run_failed(died, "Run process 4711 unexpectedly exited")
        runs = {run_id: instance.get_run_by_id(run_id) for run_id in (failed, died.run_id)}
        assert [run.tags["dagster/will_retry"] for run in runs.values() if run] == ["false", "true"]


# Runs that are stopped


def stopped(monkeypatch: pytest.MonkeyPatch, interrupt: BaseException, *, by_hand: bool) -> pytest.MonkeyPatch:
    """The run is stopped while it loads. Dagster's UI notes first that it is to be."""

    def interrupted(*_: Any) -> None:
        context = dg.OpExecutionContext.get()
        if by_hand:
            context.instance.report_run_canceling(context.run)
        raise interrupt

    monkeypatch.setattr(Batch, "load", interrupted)
    return monkeypatch


@EITHER_INTERRUPT
def test_what_a_person_stopped_is_not_begun_again_by_itself(
    lakehouse: Lakehouse, daemon: Daemon, monkeypatch: pytest.MonkeyPatch, interrupt: BaseException
) -> None:
    put_one_of_each(lakehouse)
    with monkeypatch.context() as patched:
        stopped(patched, interrupt, by_hand=True)
        assert daemon.tick() == 1
    assert [(report["status"], report["error"]) for report in lakehouse.reports.all()] == [
        ("failed", "A person stopped the run. Run the job again to resume the batch.")
    ]
    [run] = daemon.instance.get_runs()
    assert run.status == dg.DagsterRunStatus.CANCELED
    assert [daemon.tick() for _ in range(3)] == [0, 0, 0]
    assert run_job(daemon.instance).success
    assert [report["status"] for report in lakehouse.reports.all()] == ["succeeded"]


@EITHER_INTERRUPT
def test_what_a_shutdown_stopped_has_no_report_and_is_gone_on_with(
    lakehouse: Lakehouse, daemon: Daemon, monkeypatch: pytest.MonkeyPatch, interrupt: BaseException
) -> None:
    put_one_of_each(lakehouse)
    with monkeypatch.context() as patched:
        stopped(patched, interrupt, by_hand=False)
        daemon.tick()
    assert lakehouse.reports.all() == []
    assert daemon.tick() == 1
    assert [report["status"] for report in lakehouse.reports.all()] == ["succeeded"]
    assert keys(lakehouse, "raw/") == []
