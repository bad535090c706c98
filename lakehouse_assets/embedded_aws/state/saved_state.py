"""Gap: ministack saves its state (the Glue catalog, workgroups, queues, whether a bucket is versioned) only when it is
stopped properly.

A server that is killed would forget that its bucket is versioned, and continue without versions. So the state is also
saved every few seconds if requests may have changed it, and at once when a stack was deployed. (Objects are on disk as
soon as they are put.)

A save writes the whole state, and no request is answered meanwhile. The hundreds of lakehouses of a test session are
some 30 MB and take seconds. So the pause between two saves grows with the duration of the last one.

ministack hashes the code of every Lambda at each save, to see whether it is on disk: for this project half a gigabyte,
half a second in which no request is answered. Here each code is hashed once.
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
LARGEST_SHARE = 0.05
"""The share of the time that saves may take."""
CODES_REMEMBERED = 16
ORDER = {"cloudformation": -1, "s3": 1}
"""Stacks are saved first and buckets last, so a bucket with saved settings has everything else of its stack
(`interrupted`).
"""
CHANGING_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def fill() -> None:
    """Makes ministack hash a Lambda's code once, and save its services in an order that shows how far a save came."""
    wrap(lambda_svc, "_write_code_blob", write_code)
    wrap(ministack.app, "_build_persistence_save_dict", _in_order)


def _in_order(original: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    return dict(sorted(original().items(), key=lambda service: ORDER.get(service[0], 0)))


def write_code(original: Callable[[bytes], str], code: bytes) -> str:
    """The name of the file with a Lambda's code, which is written if it is missing."""
    name = _digest(code)
    return name if (Path(lambda_svc.CODE_BLOB_DIR) / f"{name}.zip").exists() else original(code)


@lru_cache(CODES_REMEMBERED)
def _digest(code: bytes) -> str:
    # The cache finds it by Python's own hash, which a bytes object stores.
    return hashlib.sha256(code).hexdigest()


class SavedState:
    """Saves the state of every service regularly, if it may have changed."""

    def __init__(self) -> None:
        self._may_have_changed = False
        self._pause = SECONDS_BETWEEN_SAVES
        # ministack logs a line for every service at every save.
        logging.getLogger("persistence").setLevel(logging.WARNING)

    def fill(self) -> None:
        """Saves the state as soon as a stack was created or updated."""
        wrap(handlers, "_deploy_stack_async", self._deploy_stack)
        wrap(changesets, "_deploy_stack_async", self._deploy_stack)

    def note(self, method: str) -> None:
        """Notes that a request with this HTTP method arrived."""
        self._may_have_changed |= method in CHANGING_METHODS

    async def save_regularly(self) -> None:
        """Saves until cancelled. Runs on the event loop, so that no request is half done meanwhile."""
        while True:
            await asyncio.sleep(self._pause)
            if self._may_have_changed:
                self._save()

    async def _deploy_stack(self, original: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        await original(*arguments, **named)
        # Not if saves take long: a test session deploys hundreds of stacks.
        if self._pause == SECONDS_BETWEEN_SAVES:
            self._save()

    def _save(self) -> None:
        self._may_have_changed = False
        started = time.monotonic()
        persistence.save_all(ministack.app._build_persistence_save_dict())
        self._pause = max(SECONDS_BETWEEN_SAVES, (time.monotonic() - started) / LARGEST_SHARE)
