"""Gap: ministack's Step Functions accepts data of any size. On AWS a state's input, its task's result and its output
have at most 262,144 bytes. Beyond that the state fails with States.DataLimitExceeded, which the wildcards States.ALL
and States.TaskFailed do not catch. An execution whose input is larger is refused.

Source: AWS Step Functions Developer Guide, "Handling errors in Step Functions workflows" (States.DataLimitExceeded) and
"Step Functions service quotas".
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from ministack.core.responses import error_response_json  # type: ignore[import-untyped]
from ministack.services import stepfunctions  # type: ignore[import-untyped]

from lakehouse_assets.embedded_aws.patching import Response, wrap

MOST_BYTES = 262_144
LIMIT_EXCEEDED = "States.DataLimitExceeded"


def fill() -> None:
    """Makes states with too large data fail, and refuses executions with too large input."""
    wrap(stepfunctions, "_start_execution", _start_execution)
    wrap(stepfunctions, "_error_matches", _error_matches)
    wrap(stepfunctions, "_apply_parameters", _limited("input"))
    wrap(stepfunctions, "_apply_jsonata_arguments", _limited("input"))
    wrap(stepfunctions, "_invoke_resource", _limited("task's result"))
    wrap(stepfunctions, "_apply_output_path", _limited("output"))
    wrap(stepfunctions, "_apply_jsonata_output", _limited("output"))


def _limited(what: str) -> Callable[..., Any]:
    def give(original: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        data = original(*arguments, **named)
        if len(json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str).encode()) > MOST_BYTES:
            raise stepfunctions._ExecutionError(
                LIMIT_EXCEEDED, f"The state's {what} has a size exceeding the maximum number of bytes service limit."
            )
        return data

    return give


def _start_execution(original: Callable[[dict[str, Any]], Response], request: dict[str, Any]) -> Response:
    if len(request.get("input", "").encode()) > MOST_BYTES:
        refused: Response = error_response_json(
            "ValidationException", f"Value at 'input' must have length less than or equal to {MOST_BYTES}", 400
        )
        return refused
    return original(request)


def _error_matches(original: Callable[[Sequence[str], str], bool], error_equals: Sequence[str], error: str) -> bool:
    return LIMIT_EXCEEDED in error_equals if error == LIMIT_EXCEEDED else original(error_equals, error)
