"""Tells people what needs a look: a run that failed, a check that warns, files that wait too long for the gate, a
dead-letter queue that fills.

(That a batch succeeded its last step tells.) Why no run_failure_sensor: when its function raises, because the topic
does not answer, Dagster moves its cursor on all the same (1.13.27, `_handle_run_reactions`), and that failure is never
told of. Here the cursor is moved behind what was told: a daemon that dies between telling and saving tells it once
more, and an outage of the topic delays what there is to tell. What the cursor has passed is not told again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import dagster as dg

from lakehouse_assets.assets.steps import named_failures
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.connect import connected
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.jobs import STARTED_BY_TAG
from lakehouse_assets.sensors.messages import Message, checks_warn, dead_letters, files_wait, run_failed
from lakehouse_assets.settings import Settings, read_settings

ENDS = {"failures": dg.DagsterEventType.RUN_FAILURE, "successes": dg.DagsterEventType.RUN_SUCCESS}
RUNS_A_TICK = 50


@dataclass(frozen=True)
class Cursor:
    """What was told of. `failures`, `successes`: up to which of Dagster's records. `waiting`: the oldest file that the
    gate held back when the bucket was looked at, at `looked_at` (seconds since 1970); `dead_letters`: how many there
    were."""

    failures: int
    successes: int
    waiting: str | None = None
    looked_at: float = 0
    dead_letters: int = 0

    def written(self) -> str:
        return json.dumps(asdict(self))


def alerts_sensor(settings: Settings) -> dg.SensorDefinition:
    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=settings.sensor_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            f"Tells the topic {settings.topic} of failed runs, checks that warn, files that wait too long for the gate,"
            " dead letters. Starts nothing."
        ),
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        with named_failures(), connected(read_settings()) as lakehouse:
            return evaluate(context, lakehouse)

    return alerts


def evaluate(context: dg.SensorEvaluationContext, lakehouse: Lakehouse) -> dg.SensorResult:
    """One tick. Where the topic fails at the first message the tick fails; after that, what was told stays told and the
    rest is for the next tick.
    """
    cursor = Cursor(**json.loads(context.cursor)) if context.cursor else _from_now_on(context.instance)
    told: list[str] = []
    try:
        for message, after in _occurrences(context, lakehouse, cursor):
            if message is not None:
                lakehouse.notices.publish(message.subject, message.text)
                told.append(message.subject)
            cursor = after
    except LakehouseError as error:
        if not told:
            raise
        context.log.warning(f"What is left is told at the next tick: {error}")
    return dg.SensorResult(
        skip_reason=f"Told: {'; '.join(told)}." if told else "Nothing new to tell.", cursor=cursor.written()
    )


def _from_now_on(instance: dg.DagsterInstance) -> Cursor:
    """The first time: runs of before are history."""

    def newest(ended: dg.DagsterEventType) -> int:
        records = instance.fetch_run_status_changes(ended, limit=1).records
        return records[0].storage_id if records else 0

    return Cursor(newest(dg.DagsterEventType.RUN_FAILURE), newest(dg.DagsterEventType.RUN_SUCCESS))


def _occurrences(
    context: dg.SensorEvaluationContext, lakehouse: Lakehouse, cursor: Cursor
) -> Iterator[tuple[Message | None, Cursor]]:
    """What there is to tell, one by one, each with the cursor that is right when it has been told."""
    for name, ended in ENDS.items():
        after = dg.RunStatusChangeRecordsFilter(ended, after_storage_id=getattr(cursor, name))  # type: ignore[arg-type]
        for record in context.instance.fetch_run_status_changes(after, limit=RUNS_A_TICK, ascending=True).records:
            cursor = replace(cursor, **{name: record.storage_id})  # type: ignore[arg-type]
            run = context.instance.get_run_by_id(record.event_log_entry.run_id)
            if run is None or not _is_ours(context, run):
                yield None, cursor
            elif ended is dg.DagsterEventType.RUN_FAILURE:
                yield run_failed(context.instance, run, record.event_log_entry, lakehouse), cursor
            else:
                yield checks_warn(context.instance, run, lakehouse), cursor
    if time.time() - cursor.looked_at >= lakehouse.settings.listing_seconds:
        held = lakehouse.pending.held_back()
        waiting = held.oldest.file_id if held else None
        is_news = held is not None and waiting != cursor.waiting
        cursor = replace(cursor, waiting=waiting, looked_at=time.time())
        yield files_wait(held, lakehouse) if held and is_news else None, cursor
    letters = lakehouse.queue.dead_letters()
    if letters != cursor.dead_letters:
        more = letters > cursor.dead_letters
        cursor = replace(cursor, dead_letters=letters)
        yield dead_letters(letters, lakehouse) if more else None, cursor


def _is_ours(context: dg.SensorEvaluationContext, run: dg.DagsterRun) -> bool:
    """Of an instance that others share, only this code location's runs, and what our command line runs in its own
    process, from no code location.
    """
    if run.remote_job_origin is None:
        return STARTED_BY_TAG in run.tags
    if context.code_location_origin is None:
        return True
    return (
        run.remote_job_origin.repository_origin.code_location_origin.location_name
        == context.code_location_origin.location_name
    )
