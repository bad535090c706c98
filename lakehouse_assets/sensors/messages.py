"""The texts of alerts: what happened, why, what to do, and where to look. They have counts and reasons, but no values
of rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError
from dagster._core.events import JobFailureData
from dagster_shared.error import SerializableErrorInfo

from lakehouse_assets.assets.keys import ATHENA
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.checks import WHAT_TO_DO
from lakehouse_assets.errors import our_errors
from lakehouse_assets.jobs import BATCH_TAG, LOAD_BATCH, SENSOR_TAG
from lakehouse_assets.landing.waiting import HeldBack
from lakehouse_assets.schedules import MAINTAIN_TABLES
from lakehouse_assets.sensors.retries import FILES_LANDED, TRIES, was_the_last_try

FAILED = {LOAD_BATCH: "A batch failed", MAINTAIN_TABLES: "The maintenance of the tables failed"}
TO_DO = {
    LOAD_BATCH: (
        "Nothing is lost: the batch stays open, and the next run resumes it (`lakehouse load`, or the job in the UI)."
        " Until then, new files wait for its end. `lakehouse history` shows the batch. If it cannot succeed, `lakehouse"
        " abandon` ends it."
    ),
    MAINTAIN_TABLES: "No row was changed. `lakehouse maintain` runs it again; otherwise the schedule does.",
}

BEFORE_A_BATCH = "Nothing is lost: the run ended before a batch started, and the files are still waiting. "
BY_A_PERSON = "Fix the cause, then run the job (`lakehouse load`, or in the UI)."

NOT_OURS = "See the check in Dagster's UI."
"""For a check that is not one of the lakehouse's."""
NOTHING_MISSING = "nothing. Check that the sensor files_landed is on and that its last tick succeeded."


@dataclass(frozen=True)
class Message:
    """An alert."""

    subject: str
    text: str


def run_failed(
    instance: dg.DagsterInstance, run: dg.DagsterRun, ended: dg.EventLogEntry, lakehouse: Lakehouse
) -> Message:
    """The alert for a run that failed in its steps or outside of them (its process died, or it could not start).
    `ended`: the run's failure event.
    """
    steps = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    checks = [f"A check failed: {check}" for check in _failed_checks(instance, run, dg.AssetCheckSeverity.ERROR)]
    reasons = [reason for entry in steps if (reason := _reason_of_step(entry))] + checks or [_reason_of_run(ended)]
    again = "Dagster retries the run by itself. " if run.tags.get("dagster/will_retry") == "true" else ""
    lines = [
        *dict.fromkeys(reasons),
        "",
        f"What to do: {again}{_to_do(instance, run)}",
        *_warnings(instance, run),
        lakehouse.notices.where_run(run.run_id),
    ]
    job = LOAD_BATCH if BATCH_TAG in run.tags else run.job_name  # "Materialize all" runs a job of Dagster's
    return Message(FAILED.get(job, "A run failed"), "\n".join(lines))


def _to_do(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    if run.job_name == MAINTAIN_TABLES:
        return TO_DO[MAINTAIN_TABLES]
    if BATCH_TAG in run.tags:
        return TO_DO[LOAD_BATCH]
    if run.tags.get(SENSOR_TAG) != FILES_LANDED:
        return BEFORE_A_BATCH + BY_A_PERSON
    if was_the_last_try(instance, run):
        return f"{BEFORE_A_BATCH}After {TRIES} runs the sensor {FILES_LANDED} stops retrying. {BY_A_PERSON}"
    return f"{BEFORE_A_BATCH}The sensor {FILES_LANDED} retries by itself, up to {TRIES} runs in all."


def checks_warn(instance: dg.DagsterInstance, run: dg.DagsterRun, lakehouse: Lakehouse) -> Message | None:
    """The alert for checks of a run that warn; None if there are none."""
    if not (lines := _warnings(instance, run)):
        return None
    return Message(
        "A check warns",
        "\n".join(
            [
                *lines,
                "",
                "The batch succeeded, and the rows in the tables are right.",
                lakehouse.notices.where_run(run.run_id),
            ]
        ),
    )


def _warnings(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    return _failed_checks(instance, run, dg.AssetCheckSeverity.WARN)


def _failed_checks(instance: dg.DagsterInstance, run: dg.DagsterRun, severity: dg.AssetCheckSeverity) -> list[str]:
    lines = []
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        check = entry.get_dagster_event().asset_check_evaluation_data
        if check.passed or check.severity is not severity:
            continue
        dataset = check.asset_key.path[-1].removeprefix(ATHENA)
        to_do = WHAT_TO_DO.get(check.check_name, NOT_OURS).format(dataset=dataset)
        lines.append(f"{dataset}: {check.check_name}: {check.description or ''}\n  What to do: {to_do}")
    return lines


def files_wait(held: HeldBack, lakehouse: Lakehouse) -> Message:
    """The alert for files that have waited too long for the gate."""
    bucket, oldest = lakehouse.settings.bucket, held.oldest
    address = f"s3://{bucket}/{oldest.key}"
    missing = ", ".join(f"s3://{bucket}/{lakehouse.zone.raw}{dataset}/" for dataset in held.missing)
    return Message(
        "Files wait for others",
        f"{_counted(held.files, 'file')} waiting, the oldest since {oldest.modified.isoformat(timespec='seconds')}:"
        f" {address}\nA batch starts when a file of each dataset is there (LAKEHOUSE_GATE=all). Missing:"
        f" {missing or NOTHING_MISSING}\n\n"
        "What to do: upload the missing files (a header without rows is enough), or load the waiting files without"
        f" them: start the job {LOAD_BATCH} with the run config `ops: {{landing__batch: {{config: {{gate: any}}}}}}`,"
        " or set LAKEHOUSE_GATE=any.\n"
        f"{lakehouse.console.file(address) or lakehouse.settings.ui_url or '`lakehouse up` shows the job.'}",
    )


def dead_letters(letters: int, lakehouse: Lakehouse) -> Message:
    """The alert for new messages in the dead-letter queue. `letters`: their number in all."""
    url = str(lakehouse.queue.dead_letters_url)
    endpoint = lakehouse.aws.environment.get("AWS_ENDPOINT_URL")
    command = f"aws sqs receive-message --queue-url {url}{f' --endpoint-url {endpoint}' if endpoint else ''}"
    return Message(
        "Messages in the dead-letter queue",
        f"{_counted(letters, 'message')} in the dead-letter queue of {lakehouse.settings.queue}. Each was received"
        " repeatedly but never processed: either it is not an S3 event, or the sensor failed each time. No file is"
        f" lost: pending files are read from the bucket.\n\nWhat to do: look at the messages (`{command}`). If they are"
        f" not S3 events, find the sender and stop it. If they are, look at the ticks of the sensor {FILES_LANDED} in"
        f" the UI. Then delete the messages.\n{lakehouse.console.queue(url) or url}",
    )


def _counted(number: int, noun: str) -> str:
    """1 file is, 2 files are."""
    return f"{number} {noun} is" if number == 1 else f"{number} {noun}s are"


def _reason_of_step(entry: dg.EventLogEntry) -> str:
    failure = entry.get_dagster_event().step_failure_data
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return str(failure.user_failure_data.description)
    if failure.error is not None and failure.error.cls_name == DagsterAssetCheckFailedError.__name__:
        return ""  # the checks' own lines have the details
    return _in_our_words(failure.error)


def _reason_of_run(ended: dg.EventLogEntry) -> str:
    event = ended.get_dagster_event()
    failure = event.event_specific_data  # None if run monitoring found that the run's process had died
    return (
        _in_our_words(failure.error if isinstance(failure, JobFailureData) else None)
        or event.message
        or "The run failed outside its steps."
    )


def _in_our_words(error: SerializableErrorInfo | None) -> str:
    """The message of the lakehouse's error in the chain of causes: it has no values of rows. For any other error only
    the class of the first cause, because its message can quote a value.
    """
    root = error
    while error is not None:
        if error.cls_name in our_errors():
            return str(error.message).split(": ", 1)[-1].strip()
        root, error = error, error.cause or error.context
    return f"Unexpected error: {root.cls_name}. The run's log has the details." if root else ""
