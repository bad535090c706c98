"""Starts a batch when files have landed. Each batch gets one run, wherever the daemon dies.

The daemon evaluates, then saves what it will launch together with the cursor, then launches. So messages are deleted
only when the run that they asked for is there (the next tick looks), or when the bucket says that there is nothing to
do. While someone works on the lakehouse nothing is received: the queue keeps the calls, and files that land meanwhile
make the next batch. The run's key names the work itself (the file versions that wait), so the same work is not asked
for twice, unless its run ended and the work is still there (`tries`). What no event told of is found by looking from
time to time.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace

import dagster as dg

from lakehouse_assets.assets.steps import named_failures
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.connect import connected
from lakehouse_assets.jobs import LOAD_BATCH, load_batch
from lakehouse_assets.sensors.retries import FILES_LANDED, RUN_KEY, NextTry, next_try
from lakehouse_assets.settings import Settings, read_settings

NOT_BEGUN = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]


@dataclass(frozen=True)
class Cursor:
    """`run_key` was asked for, by the messages of these `handles`. `look_again`: the batch before may have left
    something.

    `looked_at`: when the bucket was asked last, in seconds since 1970; `not_before`: when it is worth while again.
    `waits_for`: why what was found there then does not begin by itself; said until there is other news.
    """

    run_key: str | None = None
    handles: tuple[str, ...] = ()
    look_again: bool = True
    looked_at: float = 0
    not_before: float = 0
    waits_for: str | None = None

    @staticmethod
    def read(text: str | None) -> Cursor:
        if not text:
            return Cursor()
        values = json.loads(text)
        return Cursor(**values | {"handles": tuple(values["handles"])})

    def written(self) -> str:
        return json.dumps(asdict(self))


def landing_sensor(settings: Settings) -> dg.SensorDefinition:
    @dg.sensor(
        name=FILES_LANDED,
        job=load_batch,
        minimum_interval_seconds=settings.sensor_seconds,
        default_status=(
            dg.DefaultSensorStatus.RUNNING if settings.orchestrator == "dagster" else dg.DefaultSensorStatus.STOPPED
        ),
        description=(
            f"Starts a batch when files have landed: S3 tells the queue {settings.queue}, what there is to do is asked"
            " of the bucket."
        ),
    )
    def files_landed(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        with named_failures(), connected(read_settings()) as lakehouse:
            return evaluate(context, lakehouse)

    return files_landed


def evaluate(context: dg.SensorEvaluationContext, lakehouse: Lakehouse, now: float | None = None) -> dg.SensorResult:
    """One tick. `now`: seconds since 1970, by default what the clock says."""
    cursor, queue, now = Cursor.read(context.cursor), lakehouse.queue, now or time.time()
    if cursor.run_key and _is_there(context, cursor.run_key):
        queue.delete(cursor.handles)
        cursor = replace(cursor, run_key=None, handles=())
    if busy := _who_works(context, lakehouse):
        # Whoever it is, a person's run too, may end a batch behind which files wait whose messages are gone.
        return _skipped(
            f"{busy}; files that land meanwhile make the next batch.", replace(cursor, look_again=True, waits_for=None)
        )
    received = queue.receive()
    queue.delete(received.needless)
    if received.malformed:
        context.log.warning(
            f"Messages that are no events of S3, left for the dead-letter queue: {', '.join(received.malformed)}"
        )
    is_due = (
        cursor.look_again and now >= cursor.not_before
    ) or now - cursor.looked_at >= lakehouse.settings.listing_seconds
    if not (received.handles or is_due):
        return _skipped(cursor.waits_for or "No file has landed.", cursor)
    work = lakehouse.pending.work_to_do()
    following = (
        next_try(context.instance, work, now) if work else NextTry(reason=_why_nothing(lakehouse), look_again=False)
    )
    if following.run_key is None:
        queue.delete(received.handles)
        return _skipped(
            following.reason, Cursor(None, (), following.look_again, now, following.not_before, following.reason)
        )
    wanted = Cursor(following.run_key, (*cursor.handles, *received.handles), True, now)
    return dg.SensorResult([dg.RunRequest(run_key=following.run_key)], cursor=wanted.written())


def _skipped(reason: str, cursor: Cursor) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=reason, cursor=cursor.written())


def _is_there(context: dg.SensorEvaluationContext, run_key: str) -> bool:
    return bool(context.instance.get_run_records(dg.RunsFilter(tags={RUN_KEY: run_key}), limit=1))


def _why_nothing(lakehouse: Lakehouse) -> str:
    if under_way := lakehouse.open_batch():
        return (
            f"Batch {under_way.id} has failed and waits for a person; what landed since waits behind it."
            " `lakehouse history` has the reason. Run the job (here, or by `lakehouse load`) when that is put right,"
            " or give the batch up by `lakehouse abandon`."
        )
    return "Nothing waits, or not yet what the gate asks for."


def _who_works(context: dg.SensorEvaluationContext, lakehouse: Lakehouse) -> str | None:
    if other := lakehouse.lease.held_by():
        return other
    if records := context.instance.get_run_records(dg.RunsFilter(job_name=LOAD_BATCH, statuses=NOT_BEGUN), limit=1):
        return f"Run {records[0].dagster_run.run_id} is about to begin"
    return None
