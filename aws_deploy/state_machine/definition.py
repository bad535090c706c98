"""The state machine: one batch from what waits to the success message, as plain Amazon States Language (JSONata), made
from the contracts.

TakeLease -> Convert -> Freeze -> the datasets, level by level of their parents -> Archive -> Count -> Crawl ->
CheckTables -> Record -> Notify -> LookAgain. Every step finds out by itself what of it is done already, so an execution
may begin at the top for a batch that another one left behind. A failure anywhere is recorded, told, and ends in a Task
that raises, not in a Fail state: a redrive begins there, and that Task then leads to the first state again. Bad data
fails at once; only what an outage caused is tried again. No state's data holds a row's values: batch id, counts,
reasons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_deploy.state_machine.asl import (
    BUSY,
    GLUE_BUSY,
    GLUE_OUTAGES,
    GLUE_UNNAMED,
    LAMBDA_OUTAGES,
    OUTAGES,
    SNS_OUTAGES,
    TIMED_OUT,
    State,
    States,
    camel,
    chained,
    each_with,
    ended_at,
    parallel,
)
from aws_deploy.state_machine.table_states import CALL_SECONDS, check, crawl
from lakehouse_assets.contracts import Contract, Contracts

LAMBDAS = ("availability", "lease", "convert", "marker", "load", "diagnose", "archive", "count", "record", "failure")
"""The role of each Lambda: aws_deploy.handlers.<role>.handler."""
MAY_BE_GLUE = ("convert", "archive")
"""Steps that a Glue job can do in place of a Lambda."""

WHOLE_SECONDS = 12 * 3600
LAMBDA_SECONDS = 900
TASK_SECONDS = LAMBDA_SECONDS + 30
"""Of the state that calls a Lambda: where both ended at the same moment, nobody could say which of them ran out of
time, and only one is tried again.
"""
GLUE_SECONDS = 3 * 3600
MOST_RUNS = 3
"""Of a Glue job for one step: the first, and two more where infrastructure failed it."""

CAUSE = "{% $exists($states.errorOutput.Cause) ? $states.errorOutput.Cause : '' %}"
"""Not every error has one, and a Catch fails on a field that is not there."""
EXECUTION = "{% $states.context.Execution.Id %}"
REDRIVES = "{% $exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0 %}"
BATCH = "{% $batch.batch_id %}"


@dataclass(frozen=True)
class Names:
    """What the definition calls, by name or ARN; a deployment may put placeholders here.

    `functions`: by role, each of LAMBDAS (but for those in `step_jobs`). `step_jobs`: by role, Glue jobs that do a step
    of MAY_BE_GLUE. `load_jobs`: by dataset. `crawlers`: by a word for the state's name (Tables, Rejected). `topic`: an
    ARN. `results`: where Athena writes, s3://.../.
    """

    functions: Mapping[str, str]
    load_jobs: Mapping[str, str]
    crawlers: Mapping[str, str]
    topic: str
    database: str
    workgroup: str
    results: str
    step_jobs: Mapping[str, str] = field(default_factory=dict)


def definition(contracts: Contracts, names: Names) -> State:
    """The whole state machine, for StepFunctions' CreateStateMachine or a template."""
    batch = [
        _lambda(names, "TakeLease", "lease", retries=[BUSY, OUTAGES]),
        _step(names, "Convert", "convert", {}),
        _lambda(names, "Freeze", "marker", Assign={"batch": "{% $states.result.Payload %}"}),
        {
            "IsThereWork": {
                "Type": "Choice",
                "Choices": [{"Condition": "{% $batch.batch_id = null %}", "Next": "Record"}],
            }
        },
        *(
            {f"LoadLevel{number}": parallel([_load(names, contract) for contract in level])}
            for number, level in enumerate(levels(contracts), 1)
        ),
        _step(names, "Archive", "archive", {"--batch": BATCH}),
        _lambda(
            names,
            "Count",
            "count",
            Assign={name: f"{{% $states.result.Payload.{name} %}}" for name in ("written", "crawl")},
        ),
        {"Crawl": parallel([crawl(word, crawler) for word, crawler in names.crawlers.items()])},
        {
            "CheckTables": parallel(
                [check(contract, names.database, names.workgroup, names.results) for contract in contracts.values()]
            )
        },
        _lambda(names, "Record", "record", Output="{% $states.result.Payload %}"),
    ]
    return {
        "Comment": (
            "One batch: what waits under raw/ and uploads/ becomes rows of the tables. Made from the contracts by"
            " aws_deploy."
        ),
        "QueryLanguage": "JSONata",
        "TimeoutSeconds": WHOLE_SECONDS,
        "StartAt": "TakeLease",
        "States": _caught(chained(batch, "WasThereWork")) | _ending(names),
    }


def levels(contracts: Contracts) -> list[list[Contract]]:
    """Datasets that may be loaded side by side: those without parents, then those whose parents are all in levels
    before.
    """
    waiting, done, found = list(contracts.values()), set[str](), list[list[Contract]]()
    while waiting:
        level = [contract for contract in waiting if {parent.dataset for parent in contract.parents} <= done]
        found.append(level)
        done |= {contract.dataset for contract in level}
        waiting = [contract for contract in waiting if contract not in level]
    return found


def _ending(names: Names) -> States:
    """After the batch: who wants to know is told, and files that landed meanwhile start the next one. Or the failure's
    way.
    """
    failure = {"step": "record", "failed": "{% $failed %}", "redrives": REDRIVES}
    both = (
        "'State ' & $failed.state & ' failed (' & $failed.error & '), and so did recording it: look at the execution '"
        " & $states.context.Execution.Id"
    )
    unrecorded = {
        "subject": "A batch failed",
        "message": f"{{% {both} %}}",
        "error": "{% $failed.error %}",
        "redrives": REDRIVES,
    }
    raised = {
        "step": "raise",
        "error": "{% $states.input.error %}",
        "message": "{% $states.input.message %}",
        "redrives_then": "{% $states.input.redrives %}",
    }
    return {
        "WasThereWork": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $batch.batch_id = null %}", "Next": "LookAgain"}],
            "Default": "NotifySuccess",
        },
        # The tables are written and the batch is closed: that nobody could be told makes it no failure.
        "NotifySuccess": (
            _publish(names) | {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "LookAgain"}], "Next": "LookAgain"}
        ),
        **each_with(
            _lambda(names, "LookAgain", "availability", {"look_again": True}),
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Done"}],
            Output={},
            Next="Done",
        ),
        "Done": {"Type": "Succeed"},
        **each_with(
            _lambda(names, "RecordFailure", "failure", failure),
            Output="{% $states.result.Payload %}",
            Catch=[{"ErrorEquals": ["States.ALL"], "Output": unrecorded, "Next": "NotifyFailure"}],
            Next="NotifyFailure",
        ),
        "NotifyFailure": (
            _publish(names)
            | {
                "Catch": [{"ErrorEquals": ["States.ALL"], "Output": "{% $states.input %}", "Next": "BatchFailed"}],
                "Next": "BatchFailed",
            }
        ),
        # Raises; in a redrive, which begins here, it returns.
        **each_with(
            _lambda(names, "BatchFailed", "failure", raised | {"redrives_now": REDRIVES}, [LAMBDA_OUTAGES]),
            Next="TakeLease",
        ),
    }


def _caught(states: States) -> States:
    """Whatever fails here is recorded and told, with the name of the state."""

    def catch(name: str) -> list[State]:
        failed = {"state": name, "error": "{% $states.errorOutput.Error %}", "cause": CAUSE}
        return [{"ErrorEquals": ["States.ALL"], "Assign": {"failed": failed}, "Output": {}, "Next": "RecordFailure"}]

    can_fail = ("Task", "Parallel")
    return {
        name: state | ({"Catch": [*state.get("Catch", []), *catch(name)]} if state["Type"] in can_fail else {})
        for name, state in states.items()
    }


def _lambda(
    names: Names,
    name: str,
    role: str,
    told: Mapping[str, Any] | None = None,
    retries: Sequence[State] = (OUTAGES,),
    **fields: Any,
) -> States:
    """One step as a Lambda. It is told the execution, which holds the lease, and what else is said here."""
    return {
        name: {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {
                "FunctionName": names.functions[role],
                "Payload": {"execution": EXECUTION, **_about_batch(role), **(told or {})},
            },
            "TimeoutSeconds": TASK_SECONDS,
            "Retry": list(retries),
            "Output": {},
            **fields,
        }
    }


def _about_batch(role: str) -> dict[str, str]:
    return {"batch_id": BATCH} if role in ("load", "archive", "count", "record") else {}


def _step(names: Names, name: str, role: str, arguments: Mapping[str, str]) -> States:
    if role not in names.step_jobs:
        # Both go on where they were when their time was over.
        return _lambda(names, name, role, retries=[OUTAGES, TIMED_OUT])
    return _glue(names, name, names.step_jobs[role], arguments)


def _glue(names: Names, name: str, job: str, arguments: Mapping[str, str]) -> States:
    """A run of a Glue job. How it failed decides whether there is another: the state after it knows, and raises where
    there is not.
    """
    tries = "$exists($states.input.tries) ? $states.input.tries : 1"
    failed = {"tries": f"{{% {tries} %}}", "error": "{% $states.errorOutput.Error %}", "cause": CAUSE}
    asked = {
        "run": {"error": "{% $states.input.error %}", "cause": "{% $states.input.cause %}"},
        "tries": "{% $states.input.tries %}",
        "most": MOST_RUNS,
    }
    return {
        name: {
            "Type": "Task",
            "Resource": "arn:aws:states:::glue:startJobRun.sync",
            "Arguments": {"JobName": job, "Arguments": {"--execution": EXECUTION, **arguments}},
            "TimeoutSeconds": GLUE_SECONDS,
            "Retry": [GLUE_BUSY, GLUE_OUTAGES, GLUE_UNNAMED],
            "Output": {},
            "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Output": failed, "Next": f"{name}RunFailed"}],
        },
        **_lambda(
            names,
            f"{name}RunFailed",
            "diagnose",
            asked,
            [LAMBDA_OUTAGES],
            Output={"tries": "{% $states.input.tries + 1 %}"},
            Next=f"{name}Pause",
        ),
        f"{name}Pause": {
            "Type": "Wait",
            "Seconds": "{% $round(30 * $power(2, $states.input.tries - 2) * (0.5 + $random())) %}",
            "Next": name,
        },
    }


def _load(names: Names, contract: Contract) -> States:
    """A dataset of the batch: by its Glue job, or by the Lambda, as Freeze found for it."""
    word = camel(contract.dataset)
    by_glue = {
        "Condition": f"{{% $lookup($batch.load, '{contract.dataset}') = 'glue' %}}",
        "Next": f"Load{word}WithGlue",
    }
    return {
        f"Load{word}": {"Type": "Choice", "Choices": [by_glue], "Default": f"Load{word}WithLambda"},
        **ended_at(
            f"Load{word}WithGlue",
            _glue(
                names, f"Load{word}WithGlue", names.load_jobs[contract.dataset], {"--manifest": "{% $batch.manifest %}"}
            ),
        ),
        **ended_at(
            f"Load{word}WithLambda", _lambda(names, f"Load{word}WithLambda", "load", {"dataset": contract.dataset})
        ),
    }


def _publish(names: Names) -> State:
    """Counts, reasons and where to look, as the step before worded them."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Arguments": {
            "TopicArn": names.topic,
            "Subject": "{% $states.input.subject %}",
            "Message": "{% $states.input.message %}",
        },
        "TimeoutSeconds": CALL_SECONDS,
        "Retry": [SNS_OUTAGES],
        "Output": "{% $states.input %}",
    }
