"""Publishes alerts to the topic: failed runs, checks that warn, files that wait too long for the gate, messages in the
dead-letter queue. (Success is published by a batch's last step.)

This is not a run_failure_sensor: if its function raises because the topic does not answer, Dagster moves its cursor
nevertheless (1.13.27, `_handle_run_reactions`), and that failure is never published. Here the cursor moves only past
published alerts. If SNS is down, alerts are delayed. If the daemon dies after an alert and before the cursor is saved,
that alert is published twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import dagster as dg

from lakehouse_assets.assets.idle import IDLE
from lakehouse_assets.assets.keys import BATCH
from lakehouse_assets.assets.steps import named_failures
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.connect import connected
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.jobs import BATCH_TAG, STARTED_BY_TAG, STATUS_TAG
from lakehouse_assets.sensors.messages import Message, checks_warn, dead_letters, files_wait, run_failed
from lakehouse_assets.settings import Settings, read_settings

ENDS = {"failures": dg.DagsterEventType.RUN_FAILURE, "successes": dg.DagsterEventType.RUN_SUCCESS}
RUNS_A_TICK = 50
SECONDS_BETWEEN_TICKS = 30
"""No batch waits for an alert, so this sensor ticks less often than `files_landed`."""


@dataclass(frozen=True)
class Cursor:
    """How far alerts are published. `failures`, `successes`: storage ids of Dagster's last records that were processed.
    `waiting`: the oldest file that the gate held back at the last listing of the bucket, at `looked_at` (seconds since
    1970). `dead_letters`: the number of messages in the dead-letter queue.
    """

    failures: int
    successes: int
    waiting: str | None = None
    looked_at: float = 0
    dead_letters: int = 0

    def written(self) -> str:
        return json.dumps(asdict(self))


def alerts_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor `alerts`. `settings` give its interval and its description."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=max(SECONDS_BETWEEN_TICKS, settings.sensor_seconds),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            f"Publishes alerts to the topic {settings.topic}: failed runs, checks that warn, files that wait too long"
            " for the gate, dead letters. It does not start runs."
        ),
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        with named_failures(), connected(read_settings()) as lakehouse:
            return evaluate(context, lakehouse)

    return alerts


def evaluate(context: dg.SensorEvaluationContext, lakehouse: Lakehouse) -> dg.SensorResult:
    """One tick. It fails if the first alert cannot be published. If a later one cannot, it and the rest are left for
    the next tick.
    """
    cursor = _read(context)
    published: list[str] = []
    try:
        for message, after in _occurrences(context, lakehouse, cursor):
            if message is not None:
                lakehouse.notices.publish(message.subject, message.text)
                published.append(message.subject)
                context.log.info(f"Published: {message.subject}\n{message.text}")
            cursor = after
    except LakehouseError as error:
        if not published:
            raise
        context.log.warning(f"The remaining alerts are published at the next tick: {error}")
    return dg.SensorResult(
        skip_reason=f"Published: {'; '.join(published)}." if published else "No new alerts.", cursor=cursor.written()
    )


def _read(context: dg.SensorEvaluationContext) -> Cursor:
    try:
        return Cursor(**json.loads(context.cursor)) if context.cursor else _from_now_on(context.instance)
    except (ValueError, TypeError):
        context.log.warning("The cursor was not one of this sensor. Alerts begin anew: earlier runs cause none.")
        return _from_now_on(context.instance)


def _from_now_on(instance: dg.DagsterInstance) -> Cursor:
    """The first cursor: earlier runs cause no alerts."""

    def newest(ended: dg.DagsterEventType) -> int:
        records = instance.fetch_run_status_changes(ended, limit=1).records
        return records[0].storage_id if records else 0

    return Cursor(newest(dg.DagsterEventType.RUN_FAILURE), newest(dg.DagsterEventType.RUN_SUCCESS))


def _occurrences(
    context: dg.SensorEvaluationContext, lakehouse: Lakehouse, cursor: Cursor
) -> Iterator[tuple[Message | None, Cursor]]:
    """Alerts, or None for a record without an alert, each with the cursor after it."""
    for name, ended in ENDS.items():
        after = dg.RunStatusChangeRecordsFilter(ended, after_storage_id=getattr(cursor, name))  # type: ignore[arg-type]
        for record in context.instance.fetch_run_status_changes(after, limit=RUNS_A_TICK, ascending=True).records:
            cursor = replace(cursor, **{name: record.storage_id})  # type: ignore[arg-type]
            run = context.instance.get_run_by_id(record.event_log_entry.run_id)
            if run is None or not _is_ours(context, run) or not _is_of_a_batch(run):
                yield None, cursor
            elif ended is dg.DagsterEventType.RUN_FAILURE:
                yield run_failed(context.instance, run, record.event_log_entry, lakehouse), cursor
            else:
                # The checks of a run that did nothing repeat what those of the last batch said.
                was_idle = run.tags.get(STATUS_TAG) in IDLE
                yield None if was_idle else checks_warn(context.instance, run, lakehouse), cursor
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


def _is_of_a_batch(run: dg.DagsterRun) -> bool:
    """Whether others have to know of a run: not of one in which a person materialized or checked single assets and that
    had no batch. That person sees its outcome in the UI.
    """
    selected = run.asset_selection or ()
    return not (selected or run.asset_check_selection) or BATCH_TAG in run.tags or BATCH in selected


def _is_ours(context: dg.SensorEvaluationContext, run: dg.DagsterRun) -> bool:
    """Whether a run belongs to this lakehouse: it is of this code location (an instance can have several), or of
    `lakehouse load`, which runs in its own process.
    """
    if run.remote_job_origin is None or STARTED_BY_TAG in run.tags:
        return STARTED_BY_TAG in run.tags
    if context.code_location_origin is None:
        return True
    return (
        run.remote_job_origin.repository_origin.code_location_origin.location_name
        == context.code_location_origin.location_name
    )
