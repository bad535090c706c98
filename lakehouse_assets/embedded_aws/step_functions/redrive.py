"""Gap: ministack's Step Functions has no RedriveExecution, and no RedriveCount in the context object.

A redrive continues with the state that failed: with its input, its variables, and the definition that the execution
started with, even if the state machine has changed since
(https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html). Here that state must be a Task outside
Parallel and Map, and there is no time limit of 14 days. Only Task states have RedriveCount.
"""

import contextvars
import copy
import json
import threading
from typing import Any

from ministack.core.responses import error_response_json, json_response, now_iso  # type: ignore[import-untyped]
from ministack.services import stepfunctions  # type: ignore[import-untyped]

from lakehouse_assets.embedded_aws.patching import Response, wrap

ACTION = "RedriveExecution"
REDRIVABLE = ("FAILED", "ABORTED", "TIMED_OUT")
COUNT, POINT = "redriveCount", "redrivePoint"
# The definition of the execution that this thread runs. (ministack starts the thread with a copy of the context.)
_definition: contextvars.ContextVar[str] = contextvars.ContextVar("definition", default="{}")


def fill() -> None:
    """Adds RedriveExecution and RedriveCount."""
    wrap(stepfunctions, "_start_execution", _start_execution)
    wrap(stepfunctions, "_execute_task", _execute_task)
    wrap(stepfunctions, "_describe_execution", _describe)
    wrap(stepfunctions, "handle_request", _handle_request)


async def _handle_request(
    original: Any, method: str, path: str, headers: dict[str, str], body: bytes, query: Any
) -> Response:
    if headers.get("x-amz-target", "").endswith(f".{ACTION}"):
        response: Response = stepfunctions._finalize_response(_redrive(json.loads(body)))
        return response
    answer: Response = await original(method, path, headers, body, query)
    return answer


def _start_execution(original: Any, request: dict[str, Any]) -> Response:
    machine = stepfunctions._state_machines.get(
        stepfunctions._resolve_state_machine_arn(request.get("stateMachineArn", ""))
    )
    before = _definition.set(machine["definition"] if machine else "{}")
    try:
        response: Response = original(request)
        return response
    finally:
        # This thread may belong to an execution that starts another one.
        _definition.reset(before)


def _execute_task(
    original: Any, state: dict[str, Any], given: Any, execution: dict[str, Any], context: dict[str, Any]
) -> Any:
    context["Execution"]["RedriveCount"] = execution.get(COUNT, 0)
    name = context["State"]["Name"]
    try:
        return original(state, given, execution, context)
    except stepfunctions._ExecutionError:
        execution[POINT] = copy.deepcopy(
            {"state": name, "input": given, "variables": context["variables"], "definition": _definition.get()}
        )
        raise


def _describe(original: Any, request: dict[str, Any]) -> Response:
    status, headers, body = original(request)
    if status == 200:
        execution = stepfunctions._executions[request["executionArn"]]
        body = json.dumps({**json.loads(body), COUNT: execution.get(COUNT, 0)}).encode()
    return status, headers, body


def _redrive(request: dict[str, Any]) -> Response:
    execution = stepfunctions._executions.get(request.get("executionArn"))
    if execution is None:
        return _error("ExecutionDoesNotExist", "There is no such execution")
    machine, point = stepfunctions._state_machines.get(execution["stateMachineArn"]), execution.get(POINT)
    definition = json.loads(point.get("definition", "{}")) if point else {}
    if (
        execution["status"] not in REDRIVABLE
        or machine is None
        or point is None
        or point["state"] not in definition.get("States", {})
    ):
        return _error(
            "ExecutionNotRedrivable",
            f"The execution is {execution['status']}, or did not fail in a Task state outside of Parallel and Map",
        )
    now = now_iso()
    execution.update(
        status="RUNNING", stopDate=None, output=None, redriveDate=now, **{COUNT: execution.get(COUNT, 0) + 1}
    )
    for name in ("error", "cause"):
        execution.pop(name, None)
    stepfunctions._emit_execution_status_event(execution)
    context = contextvars.copy_context()
    context.run(_definition.set, point["definition"])
    threading.Thread(target=context.run, args=(_resume, execution, machine, definition, point), daemon=True).start()
    response: Response = json_response({"redriveDate": now})
    return response


def _resume(
    execution: dict[str, Any], machine: dict[str, Any], definition: dict[str, Any], point: dict[str, Any]
) -> None:
    context = {
        "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
        "Execution": {
            "Id": execution["executionArn"],
            "Input": json.loads(execution["input"]),
            "Name": execution["name"],
            "StartTime": execution["startDate"],
            "RedriveTime": execution["redriveDate"],
        },
        "StateMachine": {"Id": execution["stateMachineArn"], "Name": machine["name"]},
        "variables": point["variables"],
    }
    try:
        output = stepfunctions._run_sub_machine(
            definition["States"], point["state"], point["input"], execution, context
        )
    except stepfunctions._ExecutionError as error:
        stepfunctions._fail_execution(execution, error.error, error.cause)
        return
    execution.update(status="SUCCEEDED", output=json.dumps(output), stopDate=now_iso())
    stepfunctions._emit_execution_status_event(execution)


def _error(code: str, message: str) -> Response:
    response: Response = error_response_json(code, message, 400)
    return response
