"""Runs the Dagster job for the pending files, in this process, and reports its steps.

Commands import this module late: with Dagster and the definitions it takes 0.7 s.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import dagster as dg
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster_shared.error import SerializableErrorInfo

from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.terminal.ending import on_forced_exit
from lakehouse_assets.definitions import defs
from lakehouse_assets.errors import LakehouseError, LeaseLost
from lakehouse_assets.etl.report import NOTHING_TO_DO
from lakehouse_assets.etl.report_types import Report
from lakehouse_assets.jobs import LOAD_BATCH, NO_RETRIES, STARTED_BY_TAG
from lakehouse_assets.local.dagster_home import CODE_LOCATION, dagster_home
from lakehouse_assets.locks import is_held, load_lock
from lakehouse_assets.resources.glue import RunStopped

Progress = Callable[[str, str], None]
"""Called with a step's name and its event: started, succeeded, failed or skipped."""
EVENTS = {"STEP_START": "started", "STEP_SUCCESS": "succeeded", "STEP_FAILURE": "failed", "STEP_SKIPPED": "skipped"}
BATCH_STEP = "landing__batch"
ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(CODE_LOCATION), SINGLETON_REPOSITORY_NAME), LOAD_BATCH
)
"""Where Dagster's UI finds the job of a run of this process. Without it `Re-execute` fails with a stack trace (1.13.27,
`launch_reexecution_from_parent_run`).
"""
KILLED = (
    "The process of this run was killed, or the machine went down. Nothing is lost; the next `lakehouse load` resumes"
    " the batch."
)
INTERRUPTED = (
    "The run was interrupted. Nothing is lost: uploaded files stay pending, and the next `lakehouse load` resumes here."
)


def run_batch(lakehouse: Lakehouse, gate: str = "any", progress: Progress | None = None) -> Report:
    """Runs the job once: for the open batch, or for a new batch of the pending files. Returns its load report.

    The process's environment must hold the settings of `lakehouse`: the job's resource reads them again, and uses the
    same embedded AWS. The caller holds load.lock. `gate`: "any" or "all", see the setting. `progress` is called for
    each step.

    Raises LakehouseError if the job fails before there is a batch, or if another process has taken over the batch and
    has not ended it yet.
    """
    quiet = {"console": {"config": {"log_level": "CRITICAL"}}}
    home = lakehouse.settings.home
    with _instance(home) as instance:
        _end_dead_runs(instance, home)
        run_id = str(uuid.uuid4())
        if progress is not None:
            instance.add_event_listener(run_id, lambda entry: _report_step(entry, progress))
        # `execute_in_process` cannot be given the origin.
        instance.create_run_for_job = partial(instance.create_run_for_job, remote_job_origin=ORIGIN)  # type: ignore[method-assign]
        with on_forced_exit(lambda reason: _end_run(home, run_id, reason)):
            result = defs.resolve_job_def(LOAD_BATCH).execute_in_process(
                instance=instance,
                run_id=run_id,
                raise_on_error=False,
                run_config={"ops": {BATCH_STEP: {"config": {"gate": gate}}}, "loggers": quiet},
                tags=_of_this_home(home) | NO_RETRIES,
            )
        batch_id, failure = _batch_id(result), _failure(result)
    if batch_id is None and failure is not None:
        raise LakehouseError(failure)
    if batch_id is None:
        return NOTHING_TO_DO
    batch = lakehouse.batch(batch_id)
    report = batch.report()
    if (
        failure is not None
        and (report is None or report["status"] != "failed")
        and _is_ours_to_record(lakehouse, batch, result)
    ):
        return batch.record_failure(failure)
    if report is None:
        gone = (
            f"Batch {batch_id} ran, but its report is missing at {lakehouse.zone.report_key(batch.manifest)}. Run"
            " `lakehouse load` again."
        )
        raise LakehouseError(failure or gone)
    return report


def _is_ours_to_record(lakehouse: Lakehouse, batch: Batch, result: dg.ExecuteInProcessResult) -> bool:
    """Whether this process records a failure that no step has recorded, an interrupt for example. Not if another
    process took over the lease while this one was suspended: then that process records the outcome."""
    lost = any(
        LeaseLost.__name__ in _causes(event.step_failure_data.error) for event in result.get_step_failure_events()
    )
    return not lost and batch.is_under_way() and lakehouse.lease.held_by() is None


def end_dead_runs(home: Path) -> None:
    """Marks Dagster's runs of a `lakehouse load` of this home that was killed as failed: an unfinished run occupies the
    pool's only slot, and every later run would wait in Dagster's queue for ever. Does nothing while a load runs."""
    if (home / "dagster").exists() and not is_held(load_lock(home)):
        with _instance(home) as instance:
            _end_dead_runs(instance, home)


def _end_dead_runs(instance: dg.DagsterInstance, home: Path) -> None:
    """This process holds load.lock, so the process of any other unfinished run of this home is gone."""
    for run in instance.get_runs(filters=dg.RunsFilter(tags=_of_this_home(home), statuses=NOT_FINISHED_STATUSES)):
        # A run that was re-executed in the UI has the tags of the first run, but a process that Dagster monitors. Runs
        # of older versions have no origin.
        if run.remote_job_origin in (ORIGIN, None):
            instance.report_run_failed(run, KILLED)


def _end_run(home: Path, run_id: str, reason: str) -> None:
    with _instance(home) as instance:
        if (run := instance.get_run_by_id(run_id)) and not run.is_finished:
            instance.report_run_failed(run, reason)


def _of_this_home(home: Path) -> dict[str, str]:
    """The tags of this home's runs: dagster.yaml may keep the runs of several homes or machines in one database."""
    return {STARTED_BY_TAG: "lakehouse load", "lakehouse/home": f"{socket.gethostname()}:{home.resolve()}"}


def prepare_instance(home: Path) -> None:
    """Creates or updates the databases of Dagster's instance, so that a first run finds them."""
    with _instance(home):
        pass


@contextmanager
def _instance(home: Path) -> Iterator[dg.DagsterInstance]:
    folder = str(dagster_home(home))
    os.environ["DAGSTER_HOME"] = folder
    with dg.DagsterInstance.from_config(folder) as instance:
        yield instance


def _report_step(entry: dg.EventLogEntry, progress: Progress) -> None:
    event = entry.dagster_event
    if event is not None and event.step_key is not None and event.event_type_value in EVENTS:
        progress(event.step_key, EVENTS[event.event_type_value])


def _batch_id(result: dg.ExecuteInProcessResult) -> str | None:
    for event in result.get_asset_materialization_events():
        if event.step_key == BATCH_STEP:
            return str(event.materialization.metadata["batch_id"].value)
    return None


def _failure(result: dg.ExecuteInProcessResult) -> str | None:
    """The message of the first failed step: our description if the failure is ours, otherwise the error's text."""
    for event in result.get_step_failure_events():
        data = event.step_failure_data
        if data.user_failure_data is not None and data.user_failure_data.description:
            return str(data.user_failure_data.description)
        if {dg.DagsterExecutionInterruptedError.__name__, RunStopped.__name__} & _causes(data.error):
            return INTERRUPTED
        if data.error is not None:
            return (data.error.cause or data.error).message.strip()
    return None if result.success else "The run failed outside its steps. See its log in Dagster's UI (lakehouse up)."


def _causes(error: SerializableErrorInfo | None) -> set[str]:
    """The class names of an error and of all its causes."""
    names = set()
    while error is not None:
        names.add(str(error.cls_name))
        error = error.cause
    return names
