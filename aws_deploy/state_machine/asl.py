"""Parts of Amazon States Language as Python data: what is tried again and how, and how states are put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

State = dict[str, Any]
States = dict[str, State]
"""States by their names, in their order."""


def retry(*errors: str, seconds: int = 5, most: int = 5, longest: int = 120) -> State:
    """With backoff and full jitter, so that those who failed together do not come back together."""
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
"""Of a Lambda, and of what it calls."""
BUSY = retry("LakehouseBusy", seconds=15, most=130, longest=60)
"""Another works on the lakehouse: waited for about as long as LAKEHOUSE_LEASE_WAIT_SECONDS is by default (full jitter
makes half a minute of a minute).
"""
TIMED_OUT = retry("Sandbox.Timedout", most=3)
"""So Step Functions calls it when a Lambda runs out of its own time. Only for steps that go on where they were: nothing
else makes the same work shorter.
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
"""What the service's model has no name for, throttling above all: `startJobRun.sync` reports "Rate exceeded (Service:
AWSGlue; … ThrottlingException)" as Glue.AWSGlueException (AWS re:Post, glue-throttling-rate-exceeded), a call by the
SDK integration as Glue.GlueException. A missing permission may have these names, too, hence few."""
ATHENA_OUTAGES = retry(
    "Athena.TooManyRequestsException",
    "Athena.ThrottlingException",
    "Athena.InternalServerException",
    "Athena.SdkClientException",
)
ATHENA_UNNAMED = retry("Athena.AmazonAthenaException", "Athena.AthenaException", most=3)
"""The same of Athena."""
CRAWLER_BUSY = retry("Glue.CrawlerRunningException", seconds=15, most=60, longest=60)
"""A crawl under way may have begun before this batch's tables were written, so it is waited for and another is
started.
"""
SNS_OUTAGES = retry("SNS.InternalErrorException", "SNS.ThrottledException", "SNS.SdkClientException", most=3)


def chained(parts: Iterable[States], last: str) -> States:
    """The parts one after the other: the way out of each (states without Next, End or Choices' Default) leads to the
    next part's first state.
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
    """The states, all with these fields."""
    return {name: state | fields for name, state in states.items()}


def parallel(branches: Sequence[States]) -> State:
    """One state of branches side by side; each begins with its first state."""
    return {"Type": "Parallel", "Branches": [{"StartAt": next(iter(states)), "States": states} for states in branches]}


def ended_at(name: str, states: States) -> States:
    """The states of a branch that ends with one of them."""
    return states | {name: states[name] | {"End": True}}


def camel(dataset: str) -> str:
    """order_items as OrderItems, for the names of states."""
    return "".join(part.capitalize() for part in dataset.split("_"))
