"""Gap: whatever a killed server had under way is "in progress" for ever in ministack, and state that it had not saved
yet is missing.

Here crawlers and stacks that were in progress have failed. Objects are written to disk at once, all other state some
seconds later (`saved_state`): so after a crash a bucket may have objects on disk but no saved settings. Such a bucket
stays hidden until it is created again, by itself or by a stack; then its objects reappear.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from ministack.services import cloudformation, glue, s3  # type: ignore[import-untyped]
from ministack.services.cloudformation import changesets, handlers  # type: ignore[import-untyped]

from lakehouse_assets.embedded_aws.patching import Response, wrap

IN_PROGRESS = "_IN_PROGRESS"
WORKING = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
KILLED = "The embedded AWS was killed while it was in progress"

logger = logging.getLogger(__name__)

Bucket = tuple[str, str]
"""An account and a name."""
_known: set[Bucket] = set()
_hidden: dict[Bucket, dict[str, Any]] = {}


def fill() -> None:
    """Gives a bucket that is created again the objects that it has on disk."""
    wrap(s3, "load_persisted_state", _load_persisted_state)
    wrap(s3, "_create_bucket", _create_bucket)
    wrap(handlers, "_deploy_stack_async", _deploy_stack)
    wrap(changesets, "_deploy_stack_async", _deploy_stack)


def repair() -> None:
    """Ends what the last server left in progress. To be called when the state is loaded, before the first request."""
    for crawler in glue._crawlers._data.values():
        if crawler["State"] != "READY":
            crawler.update(
                State="READY", LastCrawl={"Status": "FAILED", "ErrorMessage": KILLED, "StartTime": time.time()}
            )
    for (account, *_), stack in cloudformation._stacks._data.items():
        _repair_stack(account, stack)
    for bucket in set(s3._buckets._data) - _known:
        logger.warning("bucket %s has objects but no saved settings: hidden until it is created again", bucket[1])
        _hidden[bucket] = s3._buckets._data.pop(bucket)


def _repair_stack(account: str, stack: dict[str, Any]) -> None:
    resources = stack.get("_resources", {}).values()
    buckets = {
        (account, resource.get("PhysicalResourceId"))
        for resource in resources
        if resource.get("ResourceType") == "AWS::S3::Bucket"
    }
    status = stack["StackStatus"]
    if status.endswith(IN_PROGRESS):
        # UPDATE_ROLLBACK_COMPLETE, so that the stack can be updated again: CloudFormation refuses updates of a stack in
        # UPDATE_FAILED.
        stack["StackStatus"] = (
            "UPDATE_ROLLBACK_COMPLETE" if status.startswith("UPDATE_") else status.replace(IN_PROGRESS, "_FAILED")
        )
    elif status in WORKING and not buckets <= _known:
        stack["StackStatus"] = "CREATE_FAILED"
    else:
        return
    stack["StackStatusReason"] = KILLED
    if stack["StackStatus"] in ("CREATE_FAILED", "ROLLBACK_FAILED"):
        # Such a stack is deleted and created again, which would fail if a bucket that it retained still existed.
        _known.difference_update(buckets)


def _load_persisted_state(original: Callable[..., Any], state: dict[str, Any]) -> None:
    _known.update(state["buckets_meta"]._data)
    original(state)


def _create_bucket(original: Callable[..., Response], *arguments: Any, **named: Any) -> Response:
    response = original(*arguments, **named)
    _restore_objects()
    return response


async def _deploy_stack(original: Callable[..., Any], *arguments: Any, **named: Any) -> None:
    await original(*arguments, **named)
    _restore_objects()


def _restore_objects() -> None:
    for bucket in _hidden.keys() & s3._buckets._data.keys():
        s3._buckets._data[bucket]["objects"] = _hidden.pop(bucket)["objects"] | s3._buckets._data[bucket]["objects"]
