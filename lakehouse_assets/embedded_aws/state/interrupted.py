"""Gap: what was under way when a server was killed is under way for ever, and what it had not written yet is half
there.

Objects are on disk at once, all else some seconds later (`saved_state`). So there may be a bucket of which nothing is
known but its objects: neither whether it is versioned nor what else came with it. It is not there until someone makes
it, as a bucket or with a stack; then its objects are.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from ministack.services import cloudformation, glue, s3  # type: ignore[import-untyped]
from ministack.services.cloudformation import changesets, handlers  # type: ignore[import-untyped]

from lakehouse_assets.embedded_aws.patching import Response, wrap

UNDER_WAY = "_IN_PROGRESS"
WORKING = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
KILLED = "The embedded AWS was killed while it was under way"

logger = logging.getLogger(__name__)

Bucket = tuple[str, str]
"""An account and a name."""
_known: set[Bucket] = set()
_not_made: dict[Bucket, dict[str, Any]] = {}


def fill() -> None:
    """Lets buckets that are made anew have the objects that are there."""
    wrap(s3, "load_persisted_state", _load_persisted_state)
    wrap(s3, "_create_bucket", _create_bucket)
    wrap(handlers, "_deploy_stack_async", _deploy_stack)
    wrap(changesets, "_deploy_stack_async", _deploy_stack)


def settle() -> None:
    """Ends what the last server left under way. Once the state is loaded, before the first request."""
    for crawler in glue._crawlers._data.values():
        if crawler["State"] != "READY":
            crawler.update(
                State="READY", LastCrawl={"Status": "FAILED", "ErrorMessage": KILLED, "StartTime": time.time()}
            )
    for (account, *_), stack in cloudformation._stacks._data.items():
        _settle_stack(account, stack)
    for bucket in set(s3._buckets._data) - _known:
        logger.warning("nothing is known of bucket %s but its objects: it is there once it is made", bucket[1])
        _not_made[bucket] = s3._buckets._data.pop(bucket)


def _settle_stack(account: str, stack: dict[str, Any]) -> None:
    resources = stack.get("_resources", {}).values()
    buckets = {
        (account, resource.get("PhysicalResourceId"))
        for resource in resources
        if resource.get("ResourceType") == "AWS::S3::Bucket"
    }
    status = stack["StackStatus"]
    if status.endswith(UNDER_WAY):
        # One that was being updated has to take the next update; CloudFormation takes none for a stack whose update
        # failed halfway.
        stack["StackStatus"] = (
            "UPDATE_ROLLBACK_COMPLETE" if status.startswith("UPDATE_") else status.replace(UNDER_WAY, "_FAILED")
        )
    elif status in WORKING and not buckets <= _known:
        stack["StackStatus"] = "CREATE_FAILED"
    else:
        return
    stack["StackStatusReason"] = KILLED
    if stack["StackStatus"] in ("CREATE_FAILED", "ROLLBACK_FAILED"):
        # Such a stack is removed and made again, which could not be done over a bucket that it retained.
        _known.difference_update(buckets)


def _load_persisted_state(original: Callable[..., Any], state: dict[str, Any]) -> None:
    _known.update(state["buckets_meta"]._data)
    original(state)


def _create_bucket(original: Callable[..., Response], *arguments: Any, **named: Any) -> Response:
    response = original(*arguments, **named)
    _give_objects_back()
    return response


async def _deploy_stack(original: Callable[..., Any], *arguments: Any, **named: Any) -> None:
    await original(*arguments, **named)
    _give_objects_back()


def _give_objects_back() -> None:
    for bucket in _not_made.keys() & s3._buckets._data.keys():
        s3._buckets._data[bucket]["objects"] = _not_made.pop(bucket)["objects"] | s3._buckets._data[bucket]["objects"]
