"""CheckDataAvailability: starts an execution if there are files to load.

It is called by the queue, by the schedule for lost events, and by an execution at its end, for files that landed
meanwhile. An event is only a wake-up call: the pending files are read from the bucket, and the execution's name is
derived from them. So a thousand events start one execution.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from aws_deploy.handlers.step import Event, connected
from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.aws.executions import execution_arn
from lakehouse_assets.aws.queue import objects_of
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import LakehouseBusy


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Returns the ids of messages that are not S3 events (`batchItemFailures`) and what was found, a sentence. SQS
    moves such messages to the dead-letter queue after some receives. If this raises, SQS delivers all messages again.
    """
    messages = {record["messageId"]: objects_of(record["body"]) for record in event.get("Records", [])}
    malformed = [{"itemIdentifier": message} for message, objects in messages.items() if objects is None]
    calls = not messages or any(messages.values())
    machine = os.environ["STATE_MACHINE_ARN"]
    with connected() as lakehouse:
        if event.get("listing"):
            print(_metric(machine, lakehouse.pending.longest_wait()), flush=True)
        found = wake(lakehouse, machine) if calls else "No message names an object."
    print(found, f"{len(malformed)} messages are not S3 events." if malformed else "", flush=True)
    return {"batchItemFailures": malformed, "found": found}


def _metric(machine: str, seconds: float) -> str:
    """A log line in the embedded metric format, from which CloudWatch makes the metric of the alarm
    FilesWaitTooLong.
    """
    dimension = "StateMachine"
    metric = {
        "Namespace": "Lakehouse",
        "Dimensions": [[dimension]],
        "Metrics": [{"Name": "OldestFileWaiting", "Unit": "Seconds"}],
    }
    described = {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [metric]}}
    return json.dumps({**described, dimension: machine.rpartition(":")[2], "OldestFileWaiting": round(seconds)})


def wake(lakehouse: Lakehouse, machine: str) -> str:
    """Starts an execution for the pending files or the open batch. Returns what was found, a sentence."""
    if other := lakehouse.lease.held_by():
        return f"{other}. Files that landed meanwhile are loaded afterwards."
    work = lakehouse.pending.work_to_do()
    if work is None:
        return (
            "Nothing to load: no files are waiting, the gate is not satisfied yet, or a failed batch has to be redriven"
            " or abandoned first."
        )
    with failures_named("Starting an execution"):
        if lakehouse.executions.start(machine, work, {"work": work}):
            return f"Execution {work} is started."
        if lakehouse.executions.look(execution_arn(machine, work)).get("error") != LakehouseBusy.__name__:
            return f"Execution {work} exists already."
        # It stopped waiting for another holder, who may not have loaded the files. One more for each holder since then.
        again = f"{work}-waited-{lakehouse.lease.epoch()}"
        return (
            f"Execution {again} is started."
            if lakehouse.executions.start(machine, again, {"work": work})
            else f"Execution {again} exists already."
        )
