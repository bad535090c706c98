"""Tests whether a deployment works: first by calls that change nothing; then, on request, by a batch of sample
files.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_deploy.presets import Preset
from lakehouse_assets.aws.client import Aws, failures_named
from lakehouse_assets.aws.stacks import outputs_of
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import LakehouseBusy, LakehouseError
from lakehouse_assets.etl.report_types import LoadReport
from lakehouse_assets.etl.status import has_succeeded, in_words
from lakehouse_assets.landing.local_files import find_files
from lakehouse_assets.landing.uploading import upload
from lakehouse_assets.sample_data.files import make_sample_data
from lakehouse_assets.settings import Settings

SECONDS_FOR_A_BATCH = 2400
SECONDS_BETWEEN_LOOKS = 2.0
Log = Callable[[str], None]


class NotWorking(LakehouseError):
    """The deployment exists but does not work."""


def smoke_test(preset: Preset, settings: Settings, aws: Aws, *, load: bool, log: Log) -> None:
    """Prints a line for each part that works. Raises NotWorking, or AWS's error, at the first that does not."""
    outputs = outputs_of(aws.client("cloudformation"), preset.pipeline_stack)
    if outputs is None:
        raise NotWorking(f"There is no stack {preset.pipeline_stack}. Run `make deploy` first.")
    with failures_named("Calling the availability Lambda"):
        log(f"{preset.functions['availability']}: {_called(aws, preset.functions['availability'], {'listing': True})}")
    with failures_named("Asking Athena"):
        Lakehouse(settings, aws).athena.query("SELECT 1")
        log(f"Athena answers in workgroup {settings.workgroup}")
    if load:
        _load(settings, aws, outputs["StateMachineArn"], log)


def _called(aws: Aws, function: str, event: dict[str, Any]) -> Any:
    answer = aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    said = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise NotWorking(f"Lambda {function} failed: {said.get('errorMessage', said)}. Its log has more details.")
    return said.get("found", said)


def _load(settings: Settings, aws: Aws, machine: str, log: Log) -> None:
    lakehouse = Lakehouse(settings, aws)
    before = seen(lakehouse, machine)
    with tempfile.TemporaryDirectory() as folder:
        sample = make_sample_data(Path(folder), lakehouse.contracts)
        files, _ = find_files([sample.first], settings.home)
        with failures_named("Uploading"):
            upload(lakehouse.zone, files)
    report = ended_batch(lakehouse, machine, before)
    log(f"Batch {report['batch_id']} {in_words(report)}")


@dataclass(frozen=True)
class Seen:
    """The batches and the failed executions that exist before a batch."""

    batches: frozenset[str]
    failed: frozenset[str]


def seen(lakehouse: Lakehouse, machine: str) -> Seen:
    return Seen(
        frozenset(report["batch_id"] for report in lakehouse.reports.all()), frozenset(_failed(lakehouse, machine))
    )


def ended_batch(lakehouse: Lakehouse, machine: str, before: Seen) -> LoadReport:
    """Waits for the next batch of the state machine and returns its report. Raises NotWorking if the batch fails, if an
    execution fails without a report, or if no batch ends in time.
    """
    deadline = time.monotonic() + SECONDS_FOR_A_BATCH
    while time.monotonic() < deadline:
        failed = _failed(lakehouse, machine) - before.failed
        # Read after the executions: one that fails writes its report before it ends.
        for report in lakehouse.reports.all():
            if report["batch_id"] not in before.batches:
                if not has_succeeded(report):
                    raise NotWorking(f"Batch {report['batch_id']} {report['status']}: {report.get('error')}")
                return report
        for execution in failed:
            ended = lakehouse.executions.look(execution)
            # An execution that stopped waiting for another holder of the lease did not run this batch.
            if ended.get("error") != LakehouseBusy.__name__:
                raise NotWorking(f"Execution {execution} failed: {ended.get('error')}: {ended.get('cause')}")
        time.sleep(SECONDS_BETWEEN_LOOKS)
    raise NotWorking(
        f"No batch ended in {SECONDS_FOR_A_BATCH} s. Look at the executions of {machine}, or at the runs in Dagster."
    )


def _failed(lakehouse: Lakehouse, machine: str) -> set[str]:
    """The ARNs of the latest executions that failed."""
    with failures_named("Looking at the executions"):
        listed = lakehouse.aws.client("stepfunctions").list_executions(
            stateMachineArn=machine, statusFilter="FAILED", maxResults=20
        )
    return {str(execution["executionArn"]) for execution in listed["executions"]}
