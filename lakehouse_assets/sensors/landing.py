"""Starts a batch when files land. Each set of pending files gets exactly one run, even if the daemon crashes.

Dagster's daemon evaluates the sensor, saves the run requests together with the cursor, and then launches the runs. So
messages are deleted only once the requested run exists (the next tick checks), or if there is nothing to load. While
another holder uses the lakehouse, no messages are received: they stay in the queue, and files that land meanwhile make
the next batch. The run key is derived from the pending file versions, so the same files are not requested twice, unless
their run ended and the files are still there (`sensors/retries.py`). Files whose event was lost are found by listing
the bucket periodically.

A tick polls the queue for some seconds (SQS long polling), so a batch starts at once when its last file lands, and the
sensor needs few ticks.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace

import dagster as dg

from lakehouse_assets.assets.idle import NO_FILES, held_back_in_words, waits_for_gate
from lakehouse_assets.assets.steps import named_failures
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.connect import connected
from lakehouse_assets.jobs import LOAD_BATCH, load_batch
from lakehouse_assets.locks import is_held, load_lock
from lakehouse_assets.sensors.retries import FILES_LANDED, RUN_KEY, NextTry, next_try
from lakehouse_assets.settings import Settings, read_settings

LONGEST_POLL_SECONDS = 20
"""The most that SQS allows. (The sensor's gRPC call may take 60 s.)"""
NOT_BEGUN = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]


@dataclass(frozen=True)
class Cursor:
    """`run_key`: of the run that was requested last. `handles`: receipt handles of the messages that caused it.
    `look_again`: the bucket has to be listed again, because the previous batch may have left files.

    `looked_at`: time of the last listing, in seconds since 1970; `not_before`: earliest time of the next one.
    `waits_for`: why the files that were found then do not start a run; shown until something changes.
    """

    run_key: str | None = None
    handles: tuple[str, ...] = ()
    look_again: bool = True
    looked_at: float = 0
    not_before: float = 0
    waits_for: str | None = None

    @staticmethod
    def read(text: str | None) -> Cursor:
        """The cursor; a first one if a person has set a text that is not a cursor. The pending files are the truth, so
        nothing is lost.
        """
        try:
            values = json.loads(text or "{}")
            return Cursor(**values | {"handles": tuple(values.get("handles", ()))})
        except (ValueError, TypeError, AttributeError):
            return Cursor()

    def written(self) -> str:
        return json.dumps(asdict(self))


def landing_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor `files_landed`. `settings` give its interval, its default status and its description."""

    @dg.sensor(
        name=FILES_LANDED,
        job=load_batch,
        minimum_interval_seconds=settings.sensor_seconds,
        default_status=(
            dg.DefaultSensorStatus.RUNNING if settings.orchestrator == "dagster" else dg.DefaultSensorStatus.STOPPED
        ),
        description=(
            f"Starts a batch when files land. S3 sends events to the queue {settings.queue}; the pending files are read"
            " from the bucket."
        ),
    )
    def files_landed(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        with named_failures(), connected(read_settings()) as lakehouse:
            return poll(context, lakehouse, poll_seconds(settings.sensor_seconds))

    return files_landed


def poll_seconds(sensor_seconds: int) -> int:
    """How long a tick polls the queue. Dagster's daemon looks for due sensors every 5 s. With the default of 5, a tick
    ends one second before the second look after its start, so the queue is unattended for a second in ten.
    """
    return min(2 * sensor_seconds - 1, LONGEST_POLL_SECONDS)


def poll(context: dg.SensorEvaluationContext, lakehouse: Lakehouse, seconds: int) -> dg.SensorResult:
    """One tick: evaluates the queue until a run is requested, but not longer than these seconds."""
    deadline, cursor = time.monotonic() + seconds, Cursor.read(context.cursor)
    while True:
        result = evaluate(context, lakehouse, cursor, wait_seconds=max(0, round(deadline - time.monotonic())))
        cursor = Cursor.read(result.cursor)
        # With look_again, the reason for not starting a run is not that files are missing.
        if cursor.look_again or time.monotonic() >= deadline - 1:
            return result


def evaluate(
    context: dg.SensorEvaluationContext,
    lakehouse: Lakehouse,
    cursor: Cursor,
    now: float | None = None,
    wait_seconds: int = 0,
) -> dg.SensorResult:
    """Looks at the queue once. `now`: seconds since 1970, by default the current time. `wait_seconds`: how long to wait
    for a first message.
    """
    queue, now = lakehouse.queue, now or time.time()
    if cursor.run_key and _run_exists(context, cursor.run_key):
        queue.delete(cursor.handles)
        cursor = replace(cursor, run_key=None, handles=())
    is_due = (
        cursor.look_again and now >= cursor.not_before
    ) or now - cursor.looked_at >= lakehouse.settings.listing_seconds
    # Only a tick with something to do opens Dagster's instance: that is half of the CPU time of a tick.
    if busy := _who_works(lakehouse) or (_what_is_about_to_start(context) if is_due else None):
        return _skipped_while(busy, cursor)
    received = queue.receive(0 if is_due else wait_seconds)
    queue.delete(received.needless)
    if received.malformed:
        context.log.warning(
            f"Messages that are not S3 events, left for the dead-letter queue: {', '.join(received.malformed)}"
        )
    if not (received.handles or is_due):
        return _skipped(cursor.waits_for or "No new files.", cursor)
    if busy := _who_works(lakehouse) or _what_is_about_to_start(context):
        # Since the wait began. The messages are not deleted: SQS delivers them again.
        return _skipped_while(busy, cursor)
    work = lakehouse.pending.work_to_do()
    context.log.info(
        f"Received {len(received.handles)} messages with new files, {len(received.needless)} without. Listed the"
        f" bucket, with LAKEHOUSE_GATE={lakehouse.settings.gate}: {f'work {work}' if work else 'no work for a batch'}."
    )
    following = (
        next_try(context.instance, work, now) if work else NextTry(reason=_why_nothing(lakehouse), look_again=False)
    )
    if following.run_key is None:
        queue.delete(received.handles)
        context.log.info(following.reason)
        return _skipped(
            following.reason, Cursor(None, (), following.look_again, now, following.not_before, following.reason)
        )
    context.log.info(f"Requested a run with the run key {following.run_key}.")
    wanted = Cursor(following.run_key, (*cursor.handles, *received.handles), True, now)
    return dg.SensorResult([dg.RunRequest(run_key=following.run_key)], cursor=wanted.written())


def _skipped_while(busy: str, cursor: Cursor) -> dg.SensorResult:
    # Look again afterwards: this run may end a batch behind which files wait whose messages were deleted.
    return _skipped(
        f"{busy}. Files that land meanwhile make the next batch.", replace(cursor, look_again=True, waits_for=None)
    )


def _skipped(reason: str, cursor: Cursor) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=reason, cursor=cursor.written())


def _run_exists(context: dg.SensorEvaluationContext, run_key: str) -> bool:
    return bool(context.instance.get_run_records(dg.RunsFilter(tags={RUN_KEY: run_key}), limit=1))


def _why_nothing(lakehouse: Lakehouse) -> str:
    if under_way := lakehouse.open_batch():
        return (
            f"Batch {under_way.id} has failed, and files that landed since then wait for its end. `lakehouse history`"
            " has the reason. Fix the cause, then run the job (here, or with `lakehouse load`), or abandon the batch"
            " with `lakehouse abandon`."
        )
    held = waits_for_gate(lakehouse)
    return held_back_in_words(held, lakehouse) if held else NO_FILES


def _who_works(lakehouse: Lakehouse) -> str | None:
    # `lakehouse load` holds the lock from before its upload, and the lease only from the start of its batch.
    if is_held(load_lock(lakehouse.settings.home)):
        return "`lakehouse load` or `lakehouse maintain` is running in this home"
    return lakehouse.lease.held_by()


def _what_is_about_to_start(context: dg.SensorEvaluationContext) -> str | None:
    if records := context.instance.get_run_records(dg.RunsFilter(job_name=LOAD_BATCH, statuses=NOT_BEGUN), limit=1):
        return f"Run {records[0].dagster_run.run_id} is about to start"
    return None
