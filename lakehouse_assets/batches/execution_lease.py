"""The lease of a state machine's execution.

Its steps are processes that come and go, on machines that nobody knows. They hold the lease together, and nobody renews
it: it lives as long as Step Functions says that the execution runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.batches.lease import Holding, Lease
from lakehouse_assets.errors import LeaseLostError
from lakehouse_assets.landing.store import JsonVersion, Store

TRIES_TO_JOIN = 3
"""Steps that run side by side may all want to take it for their execution: one does, the others find that at their next
look.
"""


class ExecutionLease(Lease):
    """The lease as one step of a state machine's execution sees it. All its steps hold it together, so a step that ends
    gives nothing back: the last one does.

    `execution`: its ARN. A step of an execution that was stopped, and that wakes up after another has taken over, finds
    out before its next write.
    """

    def __init__(self, store: Store, key: str, execution: str, is_running: Callable[[str], bool]) -> None:
        super().__init__(store, key, f"Execution {execution}", is_running=is_running)
        self._execution = execution

    @failures_named("Taking the lease")
    def take(self, wait_seconds: float, told: Callable[[str], None]) -> None:
        """Joins the execution's other steps, or takes the lease for them all where it is free. Raises LakehouseBusy
        where another has it: whoever wants to wait is the state machine, which pays for no waiting process."""
        del wait_seconds, told
        for _ in range(TRIES_TO_JOIN):
            found, other = self._look()
            if other is not None:
                raise self._busy(other)
            if (found is not None and self._is_own(Holding(**found.value))) or self._written(
                self._next_holding(found), found.etag if found else None
            ):
                self._taken = True
                return
        raise self._busy(None)

    @failures_named("Confirming the lease")
    def confirm(self) -> None:
        """Reads, and so makes sure before a write that the execution still holds it. Raises LeaseLostError where it
        does not.
        """
        if not self.is_held():
            raise LeaseLostError(
                f"{self._holder} does not hold the lakehouse any more: it was stopped, or another took over. This step"
                " stops here; nothing is lost and nothing doubled. `lakehouse history` shows what became of the batch."
            )

    def release(self) -> None:
        """Gives the lease back for all steps, if the execution holds it. Where that cannot be told, it is free as soon
        as the execution has ended.
        """
        found = self._store.get_json_version(self._key)
        self._taken = False
        if found is not None and self._is_own(holding := Holding(**found.value)):
            self._store.replace_json(self._key, asdict(replace(holding, token=None)), found.etag)

    def _is_own(self, holding: Holding) -> bool:
        return holding.token is not None and holding.execution == self._execution

    def _next_holding(self, found: JsonVersion | None) -> Holding:
        return replace(super()._next_holding(found), execution=self._execution)
