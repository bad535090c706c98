"""Whether a piece of work gets a run, and when: the first at once, another where all before ended and the work is still
there.

A run that had a batch is no matter of this: an open batch is gone on with, or has failed and waits for a person. A run
that ended before it had one (AWS did not answer, the lease was not free in time, someone stopped it) leaves nothing but
the files, so nobody but the sensor knows that they still wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

import dagster as dg

from lakehouse_assets.jobs import BATCH_TAG, LOAD_BATCH, SENSOR_TAG

FILES_LANDED = "files_landed"
RUN_KEY = "dagster/run_key"
TRIES = 8
"""Runs for the same files. With the waits between them two hours: what lasts longer is no outage that passes by
itself.
"""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 60.0, 3600.0
"""Each wait is twice as long as the one before. It is for other files' runs, too: where each fails, files that land all
the time start one an hour.
"""
AGAIN = "-try-"


@dataclass(frozen=True)
class NextTry:
    """`run_key`: of the run that is to begin now; else `reason` says why none does, and the bucket is looked at again,
    if at all, `not_before`.
    """

    run_key: str | None = None
    reason: str = ""
    look_again: bool = True
    not_before: float = 0


def next_try(instance: dg.DagsterInstance, work: str, now: float) -> NextTry:
    """`work`: the name of what there is to do, the same for the same work; `now`: seconds since 1970."""
    tries = _runs_for(instance, work)
    if any(not record.dagster_run.is_finished for record in tries):
        # Until it has the lease nobody is seen to work here; files that land before that are not in the name of a batch
        # that is gone on with.
        return NextTry(reason=f"The run for it is there: {work}.")
    if len(tries) >= TRIES:
        told = (
            f"{len(tries)} runs for the files that wait ended without a batch ({work}): the sensor begins no more for"
            " them. Look at the last one's log and put that right, then run the job (here, or by `lakehouse load`)."
            " Files that land start another try, too."
        )
        return NextTry(reason=told, look_again=False)
    failed = _failed_before_a_batch(instance)
    if ended := [_ended(record) for record in (*tries[:1], *failed[:1])]:
        wait = min(FIRST_WAIT_SECONDS * 2 ** (max(len(tries), len(failed)) - 1), LONGEST_WAIT_SECONDS)
        if (due := max(ended) + wait) > now:
            return NextTry(
                reason=f"The last run ended without a batch; the files wait, and another begins in {due - now:.0f} s.",
                not_before=due,
            )
    return NextTry(work if not tries else f"{work}{AGAIN}{len(tries) + 1}")


def was_the_last_try(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the sensor begins no other run for the work that this run was for."""
    return len(_runs_for(instance, run.tags.get(RUN_KEY, "").partition(AGAIN)[0])) >= TRIES


def _runs_for(instance: dg.DagsterInstance, work: str) -> list[dg.RunRecord]:
    """All runs that this work had, the newest first."""
    run_keys = [work, *(f"{work}{AGAIN}{number}" for number in range(2, TRIES + 1))]
    return list(instance.get_run_records(dg.RunsFilter(tags={RUN_KEY: run_keys})))


def _failed_before_a_batch(instance: dg.DagsterInstance) -> list[dg.RunRecord]:
    """The sensor's last runs, the newest first, as far as each failed (or was stopped) before it had a batch."""
    latest = instance.get_run_records(dg.RunsFilter(job_name=LOAD_BATCH, tags={SENSOR_TAG: FILES_LANDED}), limit=TRIES)
    return list(
        takewhile(
            lambda record: record.dagster_run.is_failure_or_canceled and BATCH_TAG not in record.dagster_run.tags,
            latest,
        )
    )


def _ended(record: dg.RunRecord) -> float:
    return record.end_time or record.update_timestamp.timestamp()
