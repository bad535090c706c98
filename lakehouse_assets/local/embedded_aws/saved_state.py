"""Gap: ministack writes what it knows (the Glue catalog, workgroups, queues, whether a bucket is versioned) only when it stops in order.

A server that is killed would forget that its bucket is versioned and go on without versions. So the state is also written every few
seconds while requests may have changed it. The objects themselves are on disk as soon as they are put.
"""

import asyncio
import logging

import ministack.app  # type: ignore[import-untyped]
from ministack.core import persistence  # type: ignore[import-untyped]

SECONDS_BETWEEN_SAVES = 3.0
CHANGING_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class SavedState:
    """Writes the state of every service now and then, and only if it may have changed."""

    def __init__(self) -> None:
        self._may_have_changed = False
        # It says at every save, for every service, that it saved.
        logging.getLogger("persistence").setLevel(logging.WARNING)

    def note(self, method: str) -> None:
        """A request with this HTTP method came in."""
        self._may_have_changed |= method in CHANGING_METHODS

    async def save_regularly(self) -> None:
        """Until cancelled. On the event loop on purpose: no request is half done meanwhile."""
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_SAVES)
            if self._may_have_changed:
                self._may_have_changed = False
                persistence.save_all(ministack.app._build_persistence_save_dict())
