"""CheckDataAvailability: is there something to do? Then an execution is started, one for each piece of work.

Called by the queue, by the schedule for events that were lost, and by an execution at its end, for files that landed
while it worked. An event is a wake-up call and no more: what there is to do is asked of the bucket, and the execution's
name names it. So a thousand events start one execution.
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
    """Messages that cannot be read are given back: received often enough, they end in the dead-letter queue. Where this
    raises, all come again.
    """
    told = {record["messageId"]: objects_of(record["body"]) for record in event.get("Records", [])}
    malformed = [{"itemIdentifier": message} for message, objects in told.items() if objects is None]
    calls = not told or any(told.values())
    machine = os.environ["STATE_MACHINE_ARN"]
    with connected() as lakehouse:
        if event.get("listing"):
            print(_metric(machine, lakehouse.pending.longest_wait()), flush=True)
        found = wake(lakehouse, machine) if calls else "No message tells of an object."
    print(found, f"{len(malformed)} messages cannot be read." if malformed else "", flush=True)
    return {"batchItemFailures": malformed, "found": found}


def _metric(machine: str, seconds: float) -> str:
    """A line that CloudWatch Logs makes a metric of (embedded metric format): an alarm says when files wait too
    long.
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
    """Starts an execution for what there is to do. What was found, in a sentence."""
    if other := lakehouse.lease.held_by():
        return f"{other}; what landed meanwhile is looked for at its end."
    work = lakehouse.pending.work_to_do()
    if work is None:
        return (
            "Nothing waits, or not yet what the gate asks for; or it waits behind a batch that failed, which a person"
            " redrives or abandons."
        )
    with failures_named("Starting an execution"):
        if lakehouse.executions.start(machine, work, {"work": work}):
            return f"Execution {work} is started."
        if lakehouse.executions.look(execution_arn(machine, work)).get("error") != LakehouseBusy.__name__:
            return f"The execution for it is there: {work}."
        # It gave up waiting for another holder, who may have left the files where they are. Once for each holder since.
        again = f"{work}-waited-{lakehouse.lease.epoch()}"
        return (
            f"Execution {again} is started."
            if lakehouse.executions.start(machine, again, {"work": work})
            else f"The execution for it is there: {again}."
        )
