"""The lease on a lakehouse: one batch at a time, whatever starts it (Dagster's UI, the sensor, the command line or a
state machine).

The lease is an object in the bucket that names its holder. Every write of the object is conditional on the version that
was read before, so only one of two processes that want the lease gets it. The holder renews the lease while it works.
Another process takes over only from a dead holder: the holder's process is gone from this machine, or the holder has
not renewed for a minute by S3's clock. A holder that was only paused finds out before its next write (`confirm`),
because its renewal is refused.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.errors import LakehouseBusy, LakehouseError, LeaseLost
from lakehouse_assets.landing.store import JsonVersion, Store

SECONDS_TO_LIVE = 60.0
"""After so long without a renewal a holder counts as dead."""
SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True)
class Holding:
    """The content of the lease's object."""

    token: str | None
    """Random for each time the lease is taken; None while nobody holds it."""
    holder: str
    """The name of the last holder, for people."""
    machine: str
    """The holder's machine, as `this_machine` names it."""
    process: int
    """The holder's process id on that machine."""
    taken_at: str
    """When the holder took the lease, as ISO 8601 in UTC."""
    epoch: int
    """How many times the lease was taken so far."""
    renewals: int = 0
    """How many times the holder renewed. It makes the content of each renewal different."""
    execution: str | None = None
    """The ARN of the state machine's execution that holds the lease. Then machine and process only say where the step
    ran that took it."""

    @property
    def sentence(self) -> str:
        return f"{self.holder} has been using this lakehouse since {self.taken_at}"

    @property
    def process_is_gone(self) -> bool:
        """Known only on the holder's own machine. (A later process with the same id counts as the holder; then the
        minute without a renewal decides.)"""
        if self.machine != this_machine():
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


class Lease:
    """The lease of one bucket, from the view of one process.

    `holder`: the name under which this process takes it, for people. `is_running`: says whether the execution with an
    ARN is running; called if an execution holds the lease.
    """

    def __init__(
        self,
        store: Store,
        key: str,
        holder: str,
        seconds_to_live: float = SECONDS_TO_LIVE,
        is_running: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._store, self._key, self._holder = store, key, holder
        self._seconds_to_live, self._is_running = seconds_to_live, is_running
        self._held: Holding | None = None
        self._taken = False
        self._etag = ""
        self._lock = threading.Lock()
        self._done = threading.Event()

    @property
    def taken(self) -> bool:
        """Whether this process took the lease and has not released it. It may have lost it since: see `confirm`."""
        return self._taken

    @failures_named("Looking at the lease")
    def other_holder(self) -> Holding | None:
        """Another living holder; None if there is none, or if this process is the holder."""
        return self._look()[1]

    def held_by(self) -> str | None:
        """A sentence about another living holder: its name, and since when it has held the lease."""
        other = self.other_holder()
        return other.sentence if other else None

    @failures_named("Looking at the lease")
    def is_held(self) -> bool:
        """Whether this process, or the execution that it is a step of, holds the lease now. Reads the object."""
        found = self._store.get_json_version(self._key)
        return found is not None and self._is_own(Holding(**found.value))

    @failures_named("Looking at the lease")
    def epoch(self) -> int:
        """How many times the lease was taken so far, by any holder."""
        found = self._store.get_json_version(self._key)
        return Holding(**found.value).epoch if found else 0

    @failures_named("Taking the lease")
    def take(self, wait_seconds: float, notify: Callable[[str], None]) -> None:
        """Takes the lease, or confirms it if this process has it. Waits for another holder, and passes one sentence
        about each to `notify`.

        Raises LakehouseBusy if another holder still has it after `wait_seconds`, and LeaseLost if this process had
        taken it and another holder has it now.
        """
        if self._taken:
            self.confirm()
            return
        deadline, waited_for = time.monotonic() + wait_seconds, None
        while True:
            found, other = self._look()
            if other is None and self._written(self._next_holding(found), found.etag if found else None):
                break
            if other is not None and other.token != waited_for:
                waited_for = other.token
                notify(f"{other.sentence}; waiting for it, at most {wait_seconds:.0f} s.")
            if time.monotonic() >= deadline:
                raise self._busy(other, f" after {wait_seconds:.0f} s")
            time.sleep(min(SECONDS_BETWEEN_LOOKS, wait_seconds))
        self._taken, self._done = True, threading.Event()
        threading.Thread(target=self._keep, args=(self._done,), name="lease", daemon=True).start()

    def confirm_if_taken(self) -> None:
        """Call this before a write. Raises LeaseLost if this process took the lease and has lost it."""
        if self._taken:
            self.confirm()

    @failures_named("Confirming the lease")
    def confirm(self) -> None:
        """Renews the lease. Raises LeaseLost if another process has taken over."""
        with self._lock:
            held = self._held
            if held is None or not self._written(replace(held, renewals=held.renewals + 1), self._etag):
                self._held = None
                self._done.set()
                raise LeaseLost(
                    f"{self._holder} did not renew its lease for more than {self._seconds_to_live:.0f} s, and another"
                    " process took over the lakehouse and resumes the batch. This one stops. Nothing is lost or loaded"
                    " twice. `lakehouse history` shows the batch's outcome."
                )

    def release(self) -> None:
        """Releases the lease. If S3 cannot be reached, the lease expires by itself."""
        with self._lock:
            self._done.set()
            held, self._held, self._taken = self._held, None, False
            if held is not None:
                try:
                    self._written(replace(held, token=None), self._etag)
                except (ClientError, BotoCoreError):
                    return

    def _look(self) -> tuple[JsonVersion | None, Holding | None]:
        """The object, and the other living holder, if there is one."""
        found = self._store.get_json_version(self._key)
        if found is None:
            return None, None
        holding = Holding(**found.value)
        return found, (
            None
            if holding.token is None or self._is_own(holding) or self._is_dead(holding, found.age_seconds)
            else holding
        )

    def _is_own(self, holding: Holding) -> bool:
        return self._held is not None and holding.token == self._held.token

    def _is_dead(self, holding: Holding, age_seconds: float) -> bool:
        if holding.execution is not None:
            return not self._is_running(holding.execution)
        return holding.process_is_gone or age_seconds > self._seconds_to_live

    def _busy(self, other: Holding | None, since: str = "") -> LakehouseBusy:
        return LakehouseBusy(
            f"{other.holder if other else 'Another process'} is still using this lakehouse"
            f" (s3://{self._store.bucket}/{self._key}){since}. Nothing was done. Run this again when it has finished."
        )

    def _next_holding(self, found: JsonVersion | None) -> Holding:
        return Holding(
            token=uuid.uuid4().hex,
            holder=self._holder,
            machine=this_machine(),
            process=os.getpid(),
            taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
            epoch=Holding(**found.value).epoch + 1 if found else 1,
        )

    def _written(self, wanted: Holding, etag: str | None) -> bool:
        """Writes the object if its version is `etag`. Returns whether it did. A refused write may have succeeded at the
        client's first try, whose answer was lost: then the object has the token."""
        written = self._store.replace_json(self._key, asdict(wanted), etag)
        if written is None:
            found = self._store.get_json_version(self._key)
            if found is None or Holding(**found.value).token != wanted.token or wanted.token is None:
                return False
            written = found.etag
        self._held, self._etag = (wanted if wanted.token else None), written
        return True

    def _keep(self, done: threading.Event) -> None:
        while not done.wait(self._seconds_to_live / 6):
            try:
                if not done.is_set():
                    self.confirm()
            except LeaseLost:
                return
            except LakehouseError:
                continue


def this_machine() -> str:
    """A name that processes share if they see each other's process ids: of one boot of one machine and one namespace of
    process ids (a container has its own)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{socket.gethostname()}/{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{socket.gethostname()}/{uuid.getnode()}"
