"""The tasks of the state machine: a Lambda, a Glue job, a dataset's load by either, and a message to the topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_deploy.state_machine.asl import (
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
    ended_at,
)
from aws_deploy.state_machine.table_states import CALL_SECONDS
from lakehouse_assets.contracts import Contract

LAMBDAS = ("availability", "lease", "convert", "marker", "load", "diagnose", "archive", "count", "record", "failure")
"""The role of each Lambda: aws_deploy.handlers.<role>.handler."""
MAY_BE_GLUE = ("convert", "archive")
"""Roles of which a Glue job can be used instead of a Lambda."""

LAMBDA_SECONDS = 900
TASK_SECONDS = LAMBDA_SECONDS + 30
"""Time-out of the state that calls a Lambda. It is longer than the Lambda's own: if both ended at the same moment,
either could time out, and only the Lambda's time-out is retried.
"""
GLUE_SECONDS = 3 * 3600
MOST_RUNS = 3
"""Glue runs for one step: the first, and two more if infrastructure made it fail."""

CAUSE = "{% $exists($states.errorOutput.Cause) ? $states.errorOutput.Cause : '' %}"
"""Not every error has a cause, and a Catch fails on a field that does not exist."""
EXECUTION = "{% $states.context.Execution.Id %}"
REDRIVES = "{% $exists($states.context.Execution.RedriveCount) ? $states.context.Execution.RedriveCount : 0 %}"
BATCH = "{% $batch.batch_id %}"


@dataclass(frozen=True)
class Names:
    """Names or ARNs of the resources that the definition calls; placeholders of a template are accepted, too.

    `functions`: Lambdas by role, one for each of LAMBDAS that is not in `step_jobs`. `step_jobs`: Glue jobs by role,
    for roles of MAY_BE_GLUE. `load_jobs`: Glue jobs by dataset. `crawlers`: by the suffix of their states' names
    (Tables, Rejected). `topic`: an ARN. `results`: the location where Athena writes, s3://.../.
    """

    functions: Mapping[str, str]
    load_jobs: Mapping[str, str]
    crawlers: Mapping[str, str]
    topic: str
    database: str
    workgroup: str
    results: str
    step_jobs: Mapping[str, str] = field(default_factory=dict)


def lambda_state(
    names: Names,
    name: str,
    role: str,
    payload: Mapping[str, Any] | None = None,
    retries: Sequence[State] = (OUTAGES,),
    **fields: Any,
) -> States:
    """A Task that calls a Lambda with the execution, which holds the lease, with the batch's id, and with `payload`."""
    return {
        name: {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {
                "FunctionName": names.functions[role],
                "Payload": {"execution": EXECUTION, **_about_batch(role), **(payload or {})},
            },
            "TimeoutSeconds": TASK_SECONDS,
            "Retry": list(retries),
            "Output": {},
            **fields,
        }
    }


def _about_batch(role: str) -> dict[str, str]:
    return {"batch_id": BATCH} if role in ("load", "archive", "count", "record") else {}


def step_states(names: Names, name: str, role: str, arguments: Mapping[str, str]) -> States:
    if role not in names.step_jobs:
        # Both steps are resumable: a retry goes on with what the call that timed out left.
        return lambda_state(names, name, role, retries=[OUTAGES, TIMED_OUT])
    return glue_states(names, name, names.step_jobs[role], arguments)


def glue_states(names: Names, name: str, job: str, arguments: Mapping[str, str]) -> States:
    """A run of a Glue job. If it fails, the next state finds out why: it raises the failure, or returns if another run
    may succeed.
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
        **lambda_state(
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


def load_states(names: Names, contract: Contract) -> States:
    """The load of a dataset, by its Glue job or by the Lambda: Freeze has chosen which."""
    word = camel(contract.dataset)
    by_glue = {
        "Condition": f"{{% $lookup($batch.load, '{contract.dataset}') = 'glue' %}}",
        "Next": f"Load{word}WithGlue",
    }
    return {
        f"Load{word}": {"Type": "Choice", "Choices": [by_glue], "Default": f"Load{word}WithLambda"},
        **ended_at(
            f"Load{word}WithGlue",
            glue_states(
                names, f"Load{word}WithGlue", names.load_jobs[contract.dataset], {"--manifest": "{% $batch.manifest %}"}
            ),
        ),
        **ended_at(
            f"Load{word}WithLambda", lambda_state(names, f"Load{word}WithLambda", "load", {"dataset": contract.dataset})
        ),
    }


def publish_state(names: Names) -> State:
    """A Task that publishes the message of the state before: counts, reasons, and a link."""
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
