"""Starts a batch when files have landed. Each batch gets one run, wherever the daemon dies.

The daemon evaluates, then saves what it will launch together with the cursor, then launches. So messages are deleted only when the run that they asked for
is there (the next tick looks), or when the bucket says that there is nothing to do. While someone works on the lakehouse nothing is received: the queue keeps
the calls, and files that land meanwhile make the next batch. The run's key names the work itself (the file versions that wait), so the same work is never
asked for twice. What no event told of is found by looking from time to time.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace

import dagster as dg

from lakehouse_assets.assets.steps import named_failures
from lakehouse_assets.jobs import LOAD_BATCH, load_batch
from lakehouse_assets.lakehouse import Lakehouse, connected
from lakehouse_assets.settings import Settings, read_settings

NOT_BEGUN = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]


@dataclass(frozen=True)
class Cursor:
    """`run_key` was asked for, by the messages of these `handles`. `look_again`: the batch before may have left something.

    `looked_at`: when the bucket was asked last, in seconds since 1970.
    """

    run_key: str | None = None
    handles: tuple[str, ...] = ()
    look_again: bool = True
    looked_at: float = 0

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
        name="files_landed",
        job=load_batch,
        minimum_interval_seconds=settings.sensor_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if settings.orchestrator == "dagster" else dg.DefaultSensorStatus.STOPPED,
        description=f"Starts a batch when files have landed: S3 tells the queue {settings.queue}, what there is to do is asked of the bucket.",
    )
    def files_landed(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        with named_failures(), connected(read_settings()) as lakehouse:
            return evaluate(context, lakehouse)

    return files_landed


def evaluate(context: dg.SensorEvaluationContext, lakehouse: Lakehouse) -> dg.SensorResult:
    """One tick."""
    cursor, queue = Cursor.read(context.cursor), lakehouse.queue
    if cursor.run_key and _is_there(context, cursor.run_key):
        queue.delete(cursor.handles)
        cursor = replace(cursor, run_key=None, handles=())
    if busy := _who_works(context, lakehouse):
        return _skipped(f"{busy}; files that land meanwhile make the next batch.", cursor)
    received = queue.receive()
    queue.delete(received.needless)
    if received.malformed:
        context.log.warning(f"Messages that are no events of S3, left for the dead-letter queue: {', '.join(received.malformed)}")
    now = time.time()
    if not (received.handles or cursor.look_again or now - cursor.looked_at >= lakehouse.settings.listing_seconds):
        return _skipped("No file has landed.", cursor)
    work = lakehouse.work_to_do()
    if work is None or _is_there(context, work):
        queue.delete(received.handles)
        return _skipped(
            "Nothing waits, or not yet what the gate asks for." if work is None else f"The run for it is there: {work}.", Cursor(None, (), False, now)
        )
    wanted = Cursor(work, (*cursor.handles, *received.handles), True, now)
    return dg.SensorResult([dg.RunRequest(run_key=work)], cursor=wanted.written())


def _skipped(reason: str, cursor: Cursor) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=reason, cursor=cursor.written())


def _is_there(context: dg.SensorEvaluationContext, run_key: str) -> bool:
    return bool(context.instance.get_run_records(dg.RunsFilter(tags={"dagster/run_key": run_key}), limit=1))


def _who_works(context: dg.SensorEvaluationContext, lakehouse: Lakehouse) -> str | None:
    if other := lakehouse.lease_holder():
        return other
    if records := context.instance.get_run_records(dg.RunsFilter(job_name=LOAD_BATCH, statuses=NOT_BEGUN), limit=1):
        return f"Run {records[0].dagster_run.run_id} is about to begin"
    return None
