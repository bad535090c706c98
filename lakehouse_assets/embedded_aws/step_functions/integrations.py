"""Gap: ministack's Step Functions has no integrations for Glue jobs (`glue:startJobRun`) and Athena
(`startQueryExecution`, `getQueryResults`), and an execution's history lacks the states inside Parallel and Map.

Input, output and errors are those of the optimized integrations
(https://docs.aws.amazon.com/step-functions/latest/dg/connect-glue.html, connect-athena.html). With `.sync` the state
ends when the job or query has ended. Its output is the run or the query execution. A failed one is the error
States.TaskFailed, with the run or the query execution as its cause. A state that times out does not stop its job.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from ministack.services import stepfunctions  # type: ignore[import-untyped]

from lakehouse_assets.embedded_aws.patching import wrap

SECONDS_BETWEEN_LOOKS = 0.1

Output = dict[str, Any]


def fill() -> None:
    """Makes state machines run Glue jobs and Athena queries, and adds the states of branches to histories."""
    wrap(stepfunctions, "_run_sub_machine", _run_sub_machine)
    integrations: dict[str, Callable[[str, Output], Output]] = {
        "glue:startJobRun": _start_job_run,
        "athena:startQueryExecution": _start_query_execution,
        "athena:getQueryResults": _get_query_results,
    }
    for name, integration in integrations.items():
        stepfunctions._SERVICE_DISPATCH[f"arn:aws:states:::{name}"] = integration


class _Entered(dict[str, Any]):
    """The states of a branch. ministack calls `get` once for each state that it enters."""

    def __init__(self, states: dict[str, Any], execution: dict[str, Any]) -> None:
        super().__init__(states)
        self.execution = execution

    def get(self, name: str, default: Any = None) -> Any:
        state = super().get(name, default)
        if state is not None:
            stepfunctions._add_event(
                self.execution, f"{state.get('Type')}StateEntered", {"stateEnteredEventDetails": {"name": name}}
            )
        return state


def _run_sub_machine(
    original: Callable[..., Any],
    states: dict[str, Any],
    start_at: str,
    given: Any,
    execution: dict[str, Any],
    context: Any,
) -> Any:
    return original(_Entered(states, execution), start_at, given, execution, context)


def _start_job_run(resource: str, parameters: Output) -> Output:
    started = _call("glue:startJobRun", parameters)
    run = {"JobName": parameters["JobName"], "JobRunId": started["JobRunId"]}
    if ".sync" not in resource:
        return run
    while True:
        found: Output = _call("glue:getJobRun", {"JobName": run["JobName"], "RunId": run["JobRunId"]})["JobRun"]
        if found["JobRunState"] == "SUCCEEDED":
            return found
        if found["JobRunState"] in ("FAILED", "TIMEOUT", "STOPPED", "ERROR", "EXPIRED"):
            raise _task_failed(found)
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _start_query_execution(resource: str, parameters: Output) -> Output:
    started = _call("athena:startQueryExecution", parameters)
    if ".sync" not in resource:
        return started
    while True:
        found = _call("athena:getQueryExecution", {"QueryExecutionId": started["QueryExecutionId"]})
        state = found["QueryExecution"]["Status"]["State"]
        if state == "SUCCEEDED":
            return found
        if state in ("FAILED", "CANCELLED"):
            raise _task_failed(found["QueryExecution"])
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _get_query_results(_resource: str, parameters: Output) -> Output:
    return _call("athena:getQueryResults", parameters)


def _call(action: str, parameters: Output) -> Output:
    answer: Output = stepfunctions._invoke_aws_sdk_integration(f"arn:aws:states:::aws-sdk:{action}", parameters)
    return answer


def _task_failed(found: Output) -> Exception:
    error: Exception = stepfunctions._ExecutionError("States.TaskFailed", json.dumps(found, default=str))
    return error
