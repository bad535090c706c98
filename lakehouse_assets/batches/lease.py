"""One batch at a time: the lease on a lakehouse, whatever starts a batch: the UI, the sensor, the command line, a state
machine.

It is an object in the bucket that names its holder. Every write of it is conditional on what was read before, so of two
who want it one gets it. The holder renews it while it works. It is taken over only from a holder that is dead: its
process is gone from this machine, or it has not renewed for a minute by S3's own clock. A holder that was only paused
finds out before its next write (`confirm`), because its renewal is refused.
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
from lakehouse_assets.errors import LakehouseBusy, LakehouseError, LeaseLostError
from lakehouse_assets.landing.store import JsonVersion, Store

SECONDS_TO_LIVE = 60.0
SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True)
class Holding:
    """What the object says. `token` is None when nobody holds the lease; `epoch` counts its holders; `renewals` makes
    each renewal another content.

    `execution`: the ARN of the state machine's execution that holds it; then machine and process say only where the
    step ran that took it.
    """

    token: str | None
    holder: str
    machine: str
    process: int
    taken_at: str
    epoch: int
    renewals: int = 0
    execution: str | None = None

    @property
    def told(self) -> str:
        return f"{self.holder} works on this lakehouse since {self.taken_at}"

    @property
    def process_is_gone(self) -> bool:
        """Known only on the holder's own machine. (A process that got the same id later counts as the holder: then the
        minute decides.)
        """
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
    """The lease of one bucket, as one would-be holder sees it. `holder`: who that is, in words for people.

    `is_running`: whether the execution of an ARN runs; asked when an execution holds the lease and this one wants it.
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
        """Taken and not given back. Whether it was lost meanwhile, `confirm` finds out."""
        return self._taken

    @failures_named("Looking at the lease")
    def other_holder(self) -> Holding | None:
        """Who holds it now and lives; None where nobody does, or this one."""
        return self._look()[1]

    def held_by(self) -> str | None:
        """Who else works on this lakehouse now, and since when, in a sentence."""
        other = self.other_holder()
        return other.told if other else None

    @failures_named("Looking at the lease")
    def is_held(self) -> bool:
        """Whether this one, or the execution that it is a step of, holds it, as the object says now."""
        found = self._store.get_json_version(self._key)
        return found is not None and self._is_own(Holding(**found.value))

    @failures_named("Looking at the lease")
    def epoch(self) -> int:
        """How often it was taken so far, by whomever."""
        found = self._store.get_json_version(self._key)
        return Holding(**found.value).epoch if found else 0

    @failures_named("Taking the lease")
    def take(self, wait_seconds: float, told: Callable[[str], None]) -> None:
        """Takes the lease, or confirms it. Waits for another holder, saying once whom for.

        Raises TemporaryOutage after `wait_seconds`; LeaseLostError where it was taken before and another has it now.
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
                told(f"{other.told}; this waits for it, at most {wait_seconds:.0f} s.")
            if time.monotonic() >= deadline:
                raise self._busy(other, f" after {wait_seconds:.0f} s")
            time.sleep(min(SECONDS_BETWEEN_LOOKS, wait_seconds))
        self._taken, self._done = True, threading.Event()
        threading.Thread(target=self._keep, args=(self._done,), name="lease", daemon=True).start()

    def confirm_if_taken(self) -> None:
        """Before a write: raises LeaseLostError where this process took the lease, and has it no more."""
        if self._taken:
            self.confirm()

    @failures_named("Confirming the lease")
    def confirm(self) -> None:
        """Renews, and so makes sure before a write that nobody has taken over. Raises LeaseLostError where someone
        has.
        """
        with self._lock:
            held = self._held
            if held is None or not self._written(replace(held, renewals=held.renewals + 1), self._etag):
                self._held = None
                self._done.set()
                raise LeaseLostError(
                    f"{self._holder} was silent for more than {self._seconds_to_live:.0f} s, and another took the"
                    " lakehouse over: it goes on with the batch. This one stops here; nothing is lost and nothing"
                    " doubled. `lakehouse history` shows what became of the batch."
                )

    def release(self) -> None:
        """Gives the lease back. Where that cannot be told, it runs out by itself."""
        with self._lock:
            self._done.set()
            held, self._held, self._taken = self._held, None, False
            if held is not None:
                try:
                    self._written(replace(held, token=None), self._etag)
                except (ClientError, BotoCoreError):
                    return

    def _look(self) -> tuple[JsonVersion | None, Holding | None]:
        """What the object says, and the other holder who lives, if there is one."""
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
            f"{other.holder if other else 'Another'} still works on this lakehouse"
            f" (s3://{self._store.bucket}/{self._key}){since}. Nothing was done; run it again when that is finished."
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
        """A conditional write. Refused, it may yet have been done: by a first try whose answer was lost."""
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
            except LeaseLostError:
                return
            except LakehouseError:
                continue


def this_machine() -> str:
    """The same for processes that see each other's ids: one start of one machine, one space of process ids (a container
    has its own).
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{socket.gethostname()}/{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{socket.gethostname()}/{uuid.getnode()}"
