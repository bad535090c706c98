"""Decides whether and when the pending files get a run: the first at once, and another if all earlier ones have ended
and the files are still there.

Runs that got as far as a batch are not handled here: an open batch is resumed, and a failed one waits for a person. A
run that ended before it had a batch (AWS did not answer, the lease was not free in time, a person stopped it) leaves
only the files, so only the sensor can start another.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

import dagster as dg

from lakehouse_assets.jobs import BATCH_TAG, LOAD_BATCH, SENSOR_TAG

FILES_LANDED = "files_landed"
RUN_KEY = "dagster/run_key"
TRIES = 8
"""The maximum number of runs for the same files. With the waits between them they take two hours; a longer outage needs
a person.
"""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 60.0, 3600.0
"""Each wait is twice as long as the previous one. Runs for other files count as well: if all runs fail, files that land
continuously start one run an hour.
"""
AGAIN = "-try-"


@dataclass(frozen=True)
class NextTry:
    """`run_key`: of the run to start now. If it is None, `reason` says why none starts, and `look_again` whether the
    bucket is listed again, not before `not_before` (seconds since 1970).
    """

    run_key: str | None = None
    reason: str = ""
    look_again: bool = True
    not_before: float = 0


def next_try(instance: dg.DagsterInstance, work: str, now: float) -> NextTry:
    """Decides for the pending files. `work`: their name, which is the same for the same files; `now`: seconds since
    1970.
    """
    tries = _runs_for(instance, work)
    if any(not record.dagster_run.is_finished for record in tries):
        # Until this run has the lease, the lakehouse does not look busy. If it resumes a batch, files that land before
        # that are not part of the batch's name.
        return NextTry(reason=f"The run for these files exists already: {work}.")
    if len(tries) >= TRIES:
        reason = (
            f"{len(tries)} runs for the waiting files failed before a batch started ({work}), so the sensor stops"
            " retrying. Fix the error in the last run's log, then run the job (here, or with `lakehouse load`). New"
            " files also start another run."
        )
        return NextTry(reason=reason, look_again=False)
    failed = _failed_before_a_batch(instance)
    if ended := [_ended(record) for record in (*tries[:1], *failed[:1])]:
        wait = min(FIRST_WAIT_SECONDS * 2 ** (max(len(tries), len(failed)) - 1), LONGEST_WAIT_SECONDS)
        if (due := max(ended) + wait) > now:
            return NextTry(
                reason=f"The last run ended without a batch. Another starts in {due - now:.0f} s.",
                not_before=due,
            )
    return NextTry(work if not tries else f"{work}{AGAIN}{len(tries) + 1}")


def was_the_last_try(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the sensor will not start another run for the files of this run."""
    return len(_runs_for(instance, run.tags.get(RUN_KEY, "").partition(AGAIN)[0])) >= TRIES


def _runs_for(instance: dg.DagsterInstance, work: str) -> list[dg.RunRecord]:
    """All runs for these files, the newest first."""
    run_keys = [work, *(f"{work}{AGAIN}{number}" for number in range(2, TRIES + 1))]
    return list(instance.get_run_records(dg.RunsFilter(tags={RUN_KEY: run_keys})))


def _failed_before_a_batch(instance: dg.DagsterInstance) -> list[dg.RunRecord]:
    """The sensor's latest runs, the newest first, up to the first that had a batch or did not fail."""
    latest = instance.get_run_records(dg.RunsFilter(job_name=LOAD_BATCH, tags={SENSOR_TAG: FILES_LANDED}), limit=TRIES)
    return list(
        takewhile(
            lambda record: record.dagster_run.is_failure_or_canceled and BATCH_TAG not in record.dagster_run.tags,
            latest,
        )
    )


def _ended(record: dg.RunRecord) -> float:
    return record.end_time or record.update_timestamp.timestamp()
