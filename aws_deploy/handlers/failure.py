"""RecordFailure: writes the report of a failed batch, releases the lease, and words the message for the topic. It is
also the last state of a failed execution, which raises the error.

An execution that was stopped or that timed out runs no further state: EventBridge then calls this Lambda, which
publishes the message itself. EventBridge also calls it for every execution that failed. Nearly all of these have been
here before and have released the lease. An execution that still holds it failed with an error that no Catch handles.
"""

from __future__ import annotations

import json
from typing import Any

from aws_deploy.handlers.step import Event, connected
from lakehouse_assets.aws.executions import RUNNING
from lakehouse_assets.aws.topic import cut
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import LakehouseBusy, LakehouseError
from lakehouse_assets.glue.runs import OURS, failure_of_task

RAISED: dict[str, type[LakehouseError]] = {**OURS, LakehouseBusy.__name__: LakehouseBusy}

ENDS = {
    "FAILED": (
        "failed with an error that no state could record (such as States.Runtime or States.DataLimitExceeded). Its"
        " history in the console has the reason"
    ),
    "TIMED_OUT": "timed out",
    "ABORTED": "was stopped from outside",
}
"""What happened to an execution that did not record its failure, by its status."""


class BatchFailed(LakehouseError):
    """The batch failed. The message has the reason."""


def handler(event: Event, _context: object) -> dict[str, Any]:
    if event.get("step") == "raise":
        return _raise(event)
    if "detail" in event:
        return _ended(event["detail"])
    failed = event["failed"]
    with connected(event["execution"]) as lakehouse:
        message = _recorded(lakehouse, _reason(failed), f"State {failed['state']} failed")
    return {"subject": "A batch failed", "message": message, "error": failed["error"], "redrives": event["redrives"]}


def _raise(event: Event) -> dict[str, Any]:
    """Raises the error with which the execution fails. A redrive starts at the state that failed, which is this one: in
    a redrive this returns, and the first state follows.
    """
    if event["redrives_now"] > event["redrives_then"]:
        return {}
    raise RAISED.get(event["error"], BatchFailed)(event["message"])


def _ended(detail: Event) -> dict[str, Any]:
    with connected(detail["executionArn"]) as lakehouse:
        if detail["status"] == "FAILED" and not _died_with_the_lease(lakehouse, detail["executionArn"]):
            return {"message": "It has recorded its failure itself, or is running again."}
        message = _recorded(
            lakehouse, f"The execution ended in state {detail['status']}.", f"It {ENDS[detail['status']]}"
        )
        lakehouse.notices.publish("A batch failed", message)
    return {"message": message}


def _died_with_the_lease(lakehouse: Lakehouse, execution: str) -> bool:
    """Whether an execution ended without giving the lease back. A redrive may have begun since, and may end while this
    looks: then the lease was that of the redrive.
    """
    before = lakehouse.executions.look(execution)
    if before.get("status") == RUNNING or not lakehouse.lease.is_held():
        return False
    return lakehouse.executions.look(execution).get("stopDate") == before.get("stopDate")


def _recorded(lakehouse: Lakehouse, reason: str, where: str) -> str:
    """Writes the report and releases the lease, if this execution holds it. Returns the message: where, why, what to
    do.
    """
    if lakehouse.lease.is_held():
        batch = lakehouse.open_batch()
        if batch is not None:
            batch.record_failure(reason)
        lakehouse.lease.release()
    return (
        f"{where}: {cut(reason)}\n\nNothing is lost: the batch stays open. Fix the cause, then redrive the execution or"
        f" start a new one: it resumes the batch.\n{lakehouse.run_by['execution']}\n{lakehouse.run_by['link']}"
    )


def _reason(failed: Event) -> str:
    error, cause = failed["error"], failed["cause"]
    if error == "CheckFailed":
        return f"Checks failed: {cause}"
    try:
        said = json.loads(cause)
    except (TypeError, ValueError):
        return f"{error}: {cause}"
    if "errorMessage" in said:
        return str(said["errorMessage"])
    return str(failure_of_task(error, cause))
