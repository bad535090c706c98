"""Gap: Step Functions of ministack knows neither Glue jobs (`glue:startJobRun`) nor Athena (`startQueryExecution`, `getQueryResults`).

Input, output and errors are those of the optimized integrations (https://docs.aws.amazon.com/step-functions/latest/dg/connect-glue.html,
connect-athena.html): with `.sync` the state ends when the job or the query has ended, its output is the run or the execution, and a
failed one is the error States.TaskFailed with the run or the execution as its cause. A state that times out does not stop the job that
it waits for.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from ministack.services import stepfunctions  # type: ignore[import-untyped]

SECONDS_BETWEEN_LOOKS = 0.1

Output = dict[str, Any]


def fill() -> None:
    """Lets state machines run Glue jobs and Athena queries."""
    integrations: dict[str, Callable[[str, Output], Output]] = {
        "glue:startJobRun": _start_job_run,
        "athena:startQueryExecution": _start_query_execution,
        "athena:getQueryResults": _get_query_results,
    }
    for name, integration in integrations.items():
        stepfunctions._SERVICE_DISPATCH[f"arn:aws:states:::{name}"] = integration


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
