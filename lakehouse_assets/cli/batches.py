"""Runs the Dagster job for what waits, in this process, and tells a listener how it goes."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.etl.report import NOTHING_TO_DO
from lakehouse_assets.lakehouse import Lakehouse
from lakehouse_assets.local.dagster_home import dagster_home

if TYPE_CHECKING:
    from dagster import DagsterInstance, EventLogEntry, ExecuteInProcessResult

Progress = Callable[[str, str], None]
"""Called with a step's name and what happens to it: started, succeeded, failed or skipped."""
TOLD = {"STEP_START": "started", "STEP_SUCCESS": "succeeded", "STEP_FAILURE": "failed", "STEP_SKIPPED": "skipped"}
BATCH_STEP = "landing__batch"
INTERRUPTED = "It was interrupted. Nothing is lost: what was uploaded waits, and the next `lakehouse load` goes on from here."


def run_batch(lakehouse: Lakehouse, gate: str = "any", progress: Progress | None = None) -> dict[str, Any]:
    """Runs the job once: the batch that is under way, or a new one of what waits. Returns its load report.

    The process's environment must hold the settings of `lakehouse`: the job's resource reads them anew and joins the same embedded AWS.
    Raises LakehouseError where the job fails before there is a batch.
    """
    from lakehouse_assets.definitions import defs
    from lakehouse_assets.jobs import LOAD_BATCH

    quiet = {"console": {"config": {"log_level": "CRITICAL"}}}
    with _instance(lakehouse.settings.home) as instance:
        run_id = str(uuid.uuid4())
        if progress is not None:
            instance.add_event_listener(run_id, lambda entry: _tell(entry, progress))
        result = defs.resolve_job_def(LOAD_BATCH).execute_in_process(
            instance=instance,
            run_id=run_id,
            raise_on_error=False,
            run_config={"ops": {BATCH_STEP: {"config": {"gate": gate}}}, "loggers": quiet},
            tags={"lakehouse/started_by": "lakehouse load"},
        )
        batch_id, failure = _batch_id(result), _failure(result)
    if batch_id is None and failure is not None:
        raise LakehouseError(failure)
    if batch_id is None:
        return NOTHING_TO_DO
    manifest = lakehouse.manifest(batch_id)
    report = lakehouse.report(manifest)
    if failure is not None and (report is None or report["status"] != "failed"):
        return lakehouse.record_failure(manifest, failure)
    if report is None:
        raise LakehouseError(f"Batch {batch_id} ran, but its report is not at {lakehouse.zone.report_key(manifest)}. Run `lakehouse load` again.")
    return report


def load_dagster(home: Path) -> None:
    """Imports Dagster and the definitions and sees to the instance's databases: 1.5 of the 2 seconds that a first batch in a home takes to start."""
    import lakehouse_assets.definitions  # noqa: F401

    with _instance(home):
        pass


@contextmanager
def _instance(home: Path) -> Iterator[DagsterInstance]:
    import dagster as dg

    folder = str(dagster_home(home))
    os.environ["DAGSTER_HOME"] = folder
    with dg.DagsterInstance.from_config(folder) as instance:
        yield instance


def _tell(entry: EventLogEntry, progress: Progress) -> None:
    event = entry.dagster_event
    if event is not None and event.step_key is not None and event.event_type_value in TOLD:
        progress(event.step_key, TOLD[event.event_type_value])


def _batch_id(result: ExecuteInProcessResult) -> str | None:
    for event in result.get_asset_materialization_events():
        if event.step_key == BATCH_STEP:
            return str(event.materialization.metadata["batch_id"].value)
    return None


def _failure(result: ExecuteInProcessResult) -> str | None:
    """What the first failed step says: our own words where it is a failure of ours, else the error itself."""
    for event in result.get_step_failure_events():
        data = event.step_failure_data
        if data.user_failure_data is not None and data.user_failure_data.description:
            return str(data.user_failure_data.description)
        if data.error is not None and data.error.cls_name == "DagsterExecutionInterruptedError":
            return INTERRUPTED
        if data.error is not None:
            return (data.error.cause or data.error).message.strip()
    return None if result.success else "The run failed outside its steps; Dagster's UI shows its log."
