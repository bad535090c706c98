"""Parts of Amazon States Language as Python data: retriers, and functions that combine states."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

State = dict[str, Any]
States = dict[str, State]
"""States by name, in the order in which they run."""


def retry(*errors: str, seconds: int = 5, most: int = 5, longest: int = 120) -> State:
    """A retrier with exponential backoff and full jitter, so that tasks that failed together are not retried together.

    `seconds`: the first interval; `most`: the maximum number of retries; `longest`: the longest interval in seconds.
    """
    return {
        "ErrorEquals": list(errors),
        "IntervalSeconds": seconds,
        "BackoffRate": 2,
        "MaxAttempts": most,
        "MaxDelaySeconds": longest,
        "JitterStrategy": "FULL",
    }


OF_LAMBDA = (
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
)
LAMBDA_OUTAGES = retry(*OF_LAMBDA)
OUTAGES = retry("TemporaryOutage", *OF_LAMBDA)
"""Outages of Lambda, and of the services that a Lambda calls."""
BUSY = retry("LakehouseBusy", seconds=15, most=130, longest=60)
"""Another holder is using the lakehouse. The wait is about as long as LAKEHOUSE_LEASE_WAIT_SECONDS is by default: full
jitter halves an interval on average.
"""
TIMED_OUT = retry("Sandbox.Timedout", most=3)
"""Step Functions' name for a Lambda time-out. Only for resumable steps: a retry of any other step would time out again.
"""
GLUE_BUSY = retry(
    "Glue.ConcurrentRunsExceededException",
    "Glue.ResourceNumberLimitExceededException",
    seconds=30,
    most=60,
    longest=300,
)
GLUE_OUTAGES = retry(
    "Glue.ThrottlingException",
    "Glue.InternalServiceException",
    "Glue.OperationTimeoutException",
    "Glue.SdkClientException",
)
GLUE_UNNAMED = retry("Glue.AWSGlueException", "Glue.GlueException", most=3)
"""Errors for which the service's model has no name, mainly throttling: `startJobRun.sync` reports "Rate exceeded
(Service: AWSGlue; … ThrottlingException)" as Glue.AWSGlueException (AWS re:Post, glue-throttling-rate-exceeded), and a
call by the SDK integration reports it as Glue.GlueException. A missing permission may have these names, too, so there
are few retries.
"""
ATHENA_OUTAGES = retry(
    "Athena.TooManyRequestsException",
    "Athena.ThrottlingException",
    "Athena.InternalServerException",
    "Athena.SdkClientException",
)
ATHENA_UNNAMED = retry("Athena.AmazonAthenaException", "Athena.AthenaException", most=3)
"""As GLUE_UNNAMED, for Athena."""
CRAWLER_BUSY = retry("Glue.CrawlerRunningException", seconds=15, most=60, longest=60)
"""A crawl that is running may have begun before this batch's tables were written, so another is started after it."""
SNS_OUTAGES = retry("SNS.InternalErrorException", "SNS.ThrottledException", "SNS.SdkClientException", most=3)


def chained(parts: Iterable[States], last: str) -> States:
    """The parts in sequence. A state of a part without Next (or, for a Choice, without Default) leads to the next
    part's first state; those of the last part lead to the state `last`.
    """
    parts = list(parts)
    found: States = {}
    for part, following in zip(parts, [next(iter(part)) for part in parts[1:]] + [last], strict=True):
        for name, state in part.items():
            way_out = (
                {}
                if "Next" in state or "Default" in state
                else {"Default": following}
                if state["Type"] == "Choice"
                else {"Next": following}
            )
            found[name] = state | way_out
    return found


def each_with(states: States, **fields: Any) -> States:
    """The states, each with these fields added."""
    return {name: state | fields for name, state in states.items()}


def parallel(branches: Sequence[States]) -> State:
    """A Parallel state. Each branch starts at its first state."""
    return {"Type": "Parallel", "Branches": [{"StartAt": next(iter(states)), "States": states} for states in branches]}


def ended_at(name: str, states: States) -> States:
    """The states of a branch, which ends after the state `name`."""
    return states | {name: states[name] | {"End": True}}


def camel(dataset: str) -> str:
    """order_items as OrderItems, for the names of states."""
    return "".join(part.capitalize() for part in dataset.split("_"))
