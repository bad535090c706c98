"""Gap: a Lambda of ministack that raises an exception always fails with the error type Runtime.HandlerError, so no
Retry or Catch by the exception's class matches.

Here the error type is the name of the class without its module, as Lambda's Python runtime reports it
(https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html).
"""

from typing import Any

from ministack.services import lambda_svc  # type: ignore[import-untyped]

from lakehouse_assets.embedded_aws.glue.job_process import exception_in
from lakehouse_assets.embedded_aws.patching import wrap

UNNAMED = "Runtime.HandlerError"


def fill() -> None:
    """Gives the error of a Lambda the name of its exception's class."""
    wrap(lambda_svc, "_execute_function_warm", _execute)


def _execute(original: Any, func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
    result: dict[str, Any] = original(func, event, request_id)
    body = result.get("body")
    if (
        result.get("error")
        and isinstance(body, dict)
        and body.get("errorType") == UNNAMED
        and (raised := exception_in(result.get("log") or ""))
    ):
        result["body"] = body | {"errorType": raised[0]}
    return result
