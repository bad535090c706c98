"""RecordFailure: a batch failed. Its report says why, the lease is given back, and the topic's message is worded. The
last state of a failed execution, too.

An execution that was stopped or that ran out of time has no state left to say so: then EventBridge calls this, and it
tells the topic itself. It calls for each that failed, too: nearly all of them came through here before, and gave the
lease back. One that still has it failed where no Catch sees it.
"""

from __future__ import annotations

import json
from typing import Any

from aws_deploy.handlers.step import Event, connected
from lakehouse_assets.aws.topic import cut
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import LakehouseBusy, LakehouseError
from lakehouse_assets.glue.runs import OURS, failure_of_task

RAISED: dict[str, type[LakehouseError]] = {**OURS, LakehouseBusy.__name__: LakehouseBusy}

ENDS = {
    "FAILED": (
        "failed before a state could say why (States.Runtime and States.DataLimitExceeded are such errors); its history"
        " in the console has the reason"
    ),
    "TIMED_OUT": "took longer than it may",
    "ABORTED": "was stopped from outside",
}
"""How an execution can end that says nothing itself, by its status."""


class BatchFailed(LakehouseError):
    """The batch failed, as the message says."""


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
    """The execution fails with this. A redrive begins with the state that failed, which is this one: then it goes on to
    the first state.
    """
    if event["redrives_now"] > event["redrives_then"]:
        return {}
    raise RAISED.get(event["error"], BatchFailed)(event["message"])


def _ended(detail: Event) -> dict[str, Any]:
    with connected(detail["executionArn"]) as lakehouse:
        if detail["status"] == "FAILED" and (
            not lakehouse.lease.is_held() or lakehouse.executions.is_running(detail["executionArn"])
        ):
            return {"message": "It has told so itself, or goes on."}
        message = _recorded(
            lakehouse, f"The execution ended in state {detail['status']}.", f"It {ENDS[detail['status']]}"
        )
        lakehouse.notices.publish("A batch failed", message)
    return {"message": message}


def _recorded(lakehouse: Lakehouse, reason: str, where: str) -> str:
    """The report is this execution's to write only while it holds the lease. The message: where, why, what to do."""
    if lakehouse.lease.is_held():
        batch = lakehouse.open_batch()
        if batch is not None:
            batch.record_failure(reason)
        lakehouse.lease.release()
    return (
        f"{where}: {cut(reason)}\n\nNothing is lost: the batch stays open. When the cause is gone, redrive the"
        " execution, or start a new one: it goes on with the"
        f" batch.\n{lakehouse.run_by['execution']}\n{lakehouse.run_by['link']}"
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
