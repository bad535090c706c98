"""Gap: ministack writes what it knows (the Glue catalog, workgroups, queues, whether a bucket is versioned) only when
it stops in order.

A server that is killed would forget that its bucket is versioned and go on without versions. So the state is also
written every few seconds while requests may have changed it, and at once when a stack is made. The objects themselves
are on disk as soon as they are put.

Each save writes all that there is, and no request is answered meanwhile: the hundreds of lakehouses of a test session
are some 30 MB and seconds of work. So the pause between two saves grows with what the last one took.

Each save hashes the code of every Lambda to find out whether it is on disk: half a gigabyte for this project's, half a
second in which no request is answered. Here code is hashed once.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import ministack.app  # type: ignore[import-untyped]
from ministack.core import persistence  # type: ignore[import-untyped]
from ministack.services import lambda_svc  # type: ignore[import-untyped]
from ministack.services.cloudformation import changesets, handlers  # type: ignore[import-untyped]

from lakehouse_assets.embedded_aws.patching import wrap

SECONDS_BETWEEN_SAVES = 3.0
MOST_OF_THE_TIME = 0.05
"""The share of the time that may go into saves."""
CODES_REMEMBERED = 16
ORDER = {"cloudformation": -1, "s3": 1}
"""The stacks first, the buckets last: a bucket that is known has all else that its stack made (`interrupted`)."""
CHANGING_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def fill() -> None:
    """Lets the code of a Lambda be hashed once, and the services be written in an order that tells how far the writing
    came.
    """
    wrap(lambda_svc, "_write_code_blob", write_code)
    wrap(ministack.app, "_build_persistence_save_dict", _in_order)


def _in_order(original: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    return dict(sorted(original().items(), key=lambda service: ORDER.get(service[0], 0)))


def write_code(original: Callable[[bytes], str], code: bytes) -> str:
    """The name of the file that holds a Lambda's code; written where it is not there."""
    name = _digest(code)
    return name if (Path(lambda_svc.CODE_BLOB_DIR) / f"{name}.zip").exists() else original(code)


@lru_cache(CODES_REMEMBERED)
def _digest(code: bytes) -> str:
    # Found again by Python's own hash, which a bytes object keeps.
    return hashlib.sha256(code).hexdigest()


class SavedState:
    """Writes the state of every service now and then, and only if it may have changed."""

    def __init__(self) -> None:
        self._may_have_changed = False
        self._pause = SECONDS_BETWEEN_SAVES
        # It says at every save, for every service, that it saved.
        logging.getLogger("persistence").setLevel(logging.WARNING)

    def fill(self) -> None:
        """Lets the state be written as soon as a stack is made or updated."""
        wrap(handlers, "_deploy_stack_async", self._deploy_stack)
        wrap(changesets, "_deploy_stack_async", self._deploy_stack)

    def note(self, method: str) -> None:
        """A request with this HTTP method came in."""
        self._may_have_changed |= method in CHANGING_METHODS

    async def save_regularly(self) -> None:
        """Until cancelled. On the event loop on purpose: no request is half done meanwhile."""
        while True:
            await asyncio.sleep(self._pause)
            if self._may_have_changed:
                self._save()

    async def _deploy_stack(self, original: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        await original(*arguments, **named)
        # Not where saves take long: in a test session stacks are made by the hundred.
        if self._pause == SECONDS_BETWEEN_SAVES:
            self._save()

    def _save(self) -> None:
        self._may_have_changed = False
        started = time.monotonic()
        persistence.save_all(ministack.app._build_persistence_save_dict())
        self._pause = max(SECONDS_BETWEEN_SAVES, (time.monotonic() - started) / MOST_OF_THE_TIME)
