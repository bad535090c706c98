"""What people are told, in words: what happened, why, what to do, and where to look. Counts and reasons; never a row's
values.
"""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg
from dagster._core.errors import DagsterAssetCheckFailedError
from dagster._core.events import JobFailureData
from dagster_shared.error import SerializableErrorInfo

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.checks import WHAT_TO_DO
from lakehouse_assets.errors import our_errors
from lakehouse_assets.jobs import BATCH_TAG, LOAD_BATCH, SENSOR_TAG
from lakehouse_assets.landing.waiting import HeldBack
from lakehouse_assets.schedules import MAINTAIN_TABLES
from lakehouse_assets.sensors.retries import FILES_LANDED, TRIES, was_the_last_try

FAILED = {LOAD_BATCH: "A batch failed", MAINTAIN_TABLES: "The upkeep of the tables failed"}
TO_DO = {
    LOAD_BATCH: (
        "Nothing is lost: the batch stays open, and the next run goes on with it (`lakehouse load`, or the job in the"
        " UI). Until then what lands waits behind it. `lakehouse history` shows the batch. If it can never succeed,"
        " `lakehouse abandon` sets it aside."
    ),
    MAINTAIN_TABLES: "No row was changed. `lakehouse maintain` does it again; otherwise the schedule does.",
}

BEFORE_A_BATCH = "Nothing is lost: the run ended before it had taken up a batch, and the files wait where they are. "
BY_A_PERSON = "Put right what the reason says, then run the job (`lakehouse load`, or in the UI)."

NOT_OURS = "See the check in Dagster's UI."
"""Of a check that others gave an asset: they know what to do."""
NOTHING_MISSING = "nothing. Is the sensor files_landed switched on, and its last tick well?"


@dataclass(frozen=True)
class Message:
    subject: str
    text: str


def run_failed(
    instance: dg.DagsterInstance, run: dg.DagsterRun, ended: dg.EventLogEntry, lakehouse: Lakehouse
) -> Message:
    """A run that failed: in its steps, or outside of them (its process died, it could not begin)."""
    steps = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    checks = [f"A check failed: {check}" for check in _failed_checks(instance, run, dg.AssetCheckSeverity.ERROR)]
    reasons = [reason for entry in steps if (reason := _reason_of_step(entry))] + checks or [_reason_of_run(ended)]
    again = "Dagster tries the run again by itself. " if run.tags.get("dagster/will_retry") == "true" else ""
    told = [
        *dict.fromkeys(reasons),
        "",
        f"What to do: {again}{_to_do(instance, run)}",
        *_warnings(instance, run),
        lakehouse.notices.where_run(run.run_id),
    ]
    return Message(FAILED.get(run.job_name, "A run failed"), "\n".join(told))


def _to_do(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    if run.job_name != LOAD_BATCH or BATCH_TAG in run.tags:
        return TO_DO.get(run.job_name, TO_DO[LOAD_BATCH])
    if run.tags.get(SENSOR_TAG) != FILES_LANDED:
        return BEFORE_A_BATCH + BY_A_PERSON
    if was_the_last_try(instance, run):
        return (
            f"{BEFORE_A_BATCH}It was tried {TRIES} times, and the sensor {FILES_LANDED} begins no more runs for them."
            f" {BY_A_PERSON}"
        )
    return f"{BEFORE_A_BATCH}The sensor {FILES_LANDED} tries it again by itself, {TRIES} times in all."


def checks_warn(instance: dg.DagsterInstance, run: dg.DagsterRun, lakehouse: Lakehouse) -> Message | None:
    """Checks of a run that failed without failing it; None where there are none."""
    if not (lines := _warnings(instance, run)):
        return None
    return Message(
        "A check warns",
        "\n".join(
            [
                *lines,
                "",
                "The batch went through; what is in the tables is right.",
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
        dataset = check.asset_key.path[-1]
        to_do = WHAT_TO_DO.get(check.check_name, NOT_OURS).format(dataset=dataset)
        lines.append(f"{dataset}: {check.check_name}: {check.description or ''}\n  What to do: {to_do}")
    return lines


def files_wait(held: HeldBack, lakehouse: Lakehouse) -> Message:
    """`held`: what the gate holds back longer than is usual."""
    bucket, oldest = lakehouse.settings.bucket, held.oldest
    address = f"s3://{bucket}/{oldest.key}"
    missing = ", ".join(f"s3://{bucket}/{lakehouse.zone.raw}{dataset}/" for dataset in held.missing)
    return Message(
        "Files wait for others",
        f"{held.files} files wait, the oldest since {oldest.modified.isoformat(timespec='seconds')}: {address}\n"
        "A batch begins when a file of each dataset is there (LAKEHOUSE_GATE=all). Missing:"
        f" {missing or NOTHING_MISSING}\n\n"
        "What to do: put a file of what is missing there (one with a header and no row will do), or load what waits as"
        f" it is: start the job {LOAD_BATCH} with "
        "the run config `ops: {landing__batch: {config: {gate: any}}}`, or set LAKEHOUSE_GATE=any.\n"
        f"{lakehouse.console.file(address) or lakehouse.settings.ui_url or '`lakehouse up` shows the job.'}",
    )


def dead_letters(letters: int, lakehouse: Lakehouse) -> Message:
    url = str(lakehouse.queue.dead_letters_url)
    endpoint = lakehouse.aws.environment.get("AWS_ENDPOINT_URL")
    command = f"aws sqs receive-message --queue-url {url}{f' --endpoint-url {endpoint}' if endpoint else ''}"
    return Message(
        "Messages in the dead-letter queue",
        f"{letters} messages are in the dead-letter queue of {lakehouse.settings.queue}: they were received again and"
        " again, and nobody was done with them: they are no events of S3, or the sensor failed each time. No file is"
        f" lost by that: the bucket itself is asked for what waits.\n\nWhat to do: look at them (`{command}`). Where"
        " they are no events, find who sends them and put that right; where they are, look at the ticks of the sensor"
        f" {FILES_LANDED} in the UI. Then delete them.\n{lakehouse.console.queue(url) or url}",
    )


def _reason_of_step(entry: dg.EventLogEntry) -> str:
    failure = entry.get_dagster_event().step_failure_data
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return str(failure.user_failure_data.description)
    if failure.error is not None and failure.error.cls_name == DagsterAssetCheckFailedError.__name__:
        return ""  # the checks themselves say more
    return _in_our_words(failure.error)


def _reason_of_run(ended: dg.EventLogEntry) -> str:
    event = ended.get_dagster_event()
    failure = event.event_specific_data  # none where run monitoring found the run's process gone
    return (
        _in_our_words(failure.error if isinstance(failure, JobFailureData) else None)
        or event.message
        or "The run failed outside its steps."
    )


def _in_our_words(error: SerializableErrorInfo | None) -> str:
    """What an error of ours says, wherever in the chain of causes it is: it holds no row's values. Of any other only
    the name of what was first, as an engine may quote the value that it stumbled over."""
    root = error
    while error is not None:
        if error.cls_name in our_errors():
            return str(error.message).split(": ", 1)[-1].strip()
        root, error = error, error.cause or error.context
    return f"Something unforeseen: {root.cls_name}. The run's log says more." if root else ""
