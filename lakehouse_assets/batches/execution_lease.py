"""The lease of a state machine's execution.

An execution's steps are short-lived processes on unknown machines. They hold the lease together, and none renews it: it
is valid as long as Step Functions says that the execution is running.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.batches.lease import Holding, Lease
from lakehouse_assets.errors import LeaseLost
from lakehouse_assets.landing.store import JsonVersion, Store

TRIES_TO_JOIN = 3
"""Steps that run in parallel may all try to take the lease for their execution. One succeeds; the others see that when
they look again."""


class ExecutionLease(Lease):
    """The lease from the view of one step of a state machine's execution. Only the last step releases it.

    `execution`: the execution's ARN. If the execution was stopped and another process has taken over, a step that was
    paused finds out before its next write.
    """

    def __init__(self, store: Store, key: str, execution: str, is_running: Callable[[str], bool]) -> None:
        super().__init__(store, key, f"Execution {execution}", is_running=is_running)
        self._execution = execution

    @failures_named("Taking the lease")
    def take(self, wait_seconds: float, notify: Callable[[str], None]) -> None:
        """Joins the other steps of the execution, or takes the lease for all of them if it is free.

        Raises LakehouseBusy at once if another holder has it: the state machine waits and retries, because a waiting
        process costs money.
        """
        del wait_seconds, notify
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
        """Reads the object. Raises LeaseLost if the execution does not hold the lease any more."""
        if not self.is_held():
            raise LeaseLost(
                f"{self._holder} no longer holds the lease: it was stopped, or another process took over. This step"
                " stops. Nothing is lost or loaded twice. `lakehouse history` shows the batch's outcome."
            )

    def release(self) -> None:
        """Releases the lease for all steps, if the execution holds it. If that fails, the lease is free as soon as the
        execution has ended."""
        found = self._store.get_json_version(self._key)
        self._taken = False
        if found is not None and self._is_own(holding := Holding(**found.value)):
            self._store.replace_json(self._key, asdict(replace(holding, token=None)), found.etag)

    def _is_own(self, holding: Holding) -> bool:
        return holding.token is not None and holding.execution == self._execution

    def _next_holding(self, found: JsonVersion | None) -> Holding:
        return replace(super()._next_holding(found), execution=self._execution)
