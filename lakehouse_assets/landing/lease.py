"""One batch at a time: the lease on a lakehouse, whatever starts a batch: the UI, the sensor, the command line, a state machine.

It is an object in the bucket that names its holder. Every write of it is conditional on what was read before, so of two who want it one gets it. The
holder renews it while it works. It is taken over only from a holder that is dead: its process is gone from this machine, or it has not renewed for a minute
by S3's own clock. A holder that was only paused finds out before its next write (`confirm`), because its renewal is refused.
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

from lakehouse_assets.errors import LakehouseError, TemporaryOutage
from lakehouse_assets.landing.store import Store

SECONDS_TO_LIVE = 60.0
SECONDS_BETWEEN_LOOKS = 1.0


class LeaseLostError(LakehouseError):
    """Another holder has taken over. Not to be retried by this one: the other goes on with the batch."""


@dataclass(frozen=True)
class Holding:
    """What the object says. `token` is None when nobody holds the lease; `epoch` counts its holders; `renewals` makes each renewal another content."""

    token: str | None
    holder: str
    machine: str
    process: int
    taken_at: str
    epoch: int
    renewals: int = 0

    @property
    def process_is_gone(self) -> bool:
        """Known only on the holder's own machine. (A process that got the same id later counts as the holder: then the minute decides.)"""
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
    """The lease of one bucket, as one would-be holder sees it. `holder`: who that is, in words for people."""

    def __init__(self, store: Store, key: str, holder: str, seconds_to_live: float = SECONDS_TO_LIVE) -> None:
        self._store, self._key, self._holder, self._seconds_to_live = store, key, holder, seconds_to_live
        self._held: Holding | None = None
        self._etag = ""
        self._lock = threading.Lock()
        self._done = threading.Event()

    @property
    def held(self) -> bool:
        return self._held is not None

    def other_holder(self) -> Holding | None:
        """Who holds it now and lives; None where nobody does, or this one."""
        found = self._store.get_json_version(self._key)
        if found is None:
            return None
        holding, age = Holding(**found.value), found.age_seconds
        if holding.token is None or holding.process_is_gone or age > self._seconds_to_live or (self._held and holding.token == self._held.token):
            return None
        return holding

    def take(self, wait_seconds: float, told: Callable[[str], None]) -> None:
        """Takes the lease, or confirms that it is held. Waits for another holder, saying once whom for; raises TemporaryOutage after `wait_seconds`."""
        if self.held:
            self.confirm()
            return
        deadline, waited_for = time.monotonic() + wait_seconds, None
        while not self._taken():
            other = self.other_holder()
            if other is not None and other.token != waited_for:
                waited_for = other.token
                told(f"{other.holder} works on this lakehouse since {other.taken_at}; this waits for it, at most {wait_seconds:.0f} s.")
            if time.monotonic() >= deadline:
                raise TemporaryOutage(
                    f"{other.holder if other else 'Another'} still works on this lakehouse (s3://{self._store.bucket}/{self._key}) after {wait_seconds:.0f} s. "
                    "Nothing was done; run it again when that is finished."
                )
            time.sleep(min(SECONDS_BETWEEN_LOOKS, wait_seconds))
        self._done = threading.Event()
        threading.Thread(target=self._keep, args=(self._done,), name="lease", daemon=True).start()

    def confirm(self) -> None:
        """Renews, and so makes sure before a write that nobody has taken over. Raises LeaseLostError where someone has."""
        with self._lock:
            held = self._held
            if held is None:
                raise LeaseLostError(f"The lease on this lakehouse is not held by {self._holder}.")
            if not self._written(replace(held, renewals=held.renewals + 1), self._etag):
                self._held = None
                self._done.set()
                raise LeaseLostError(
                    f"{self._holder} was silent for more than {self._seconds_to_live:.0f} s, and another took the lakehouse over: it goes on with the batch. "
                    "This one stops here; nothing is lost and nothing doubled. `lakehouse history` shows what became of the batch."
                )

    def release(self) -> None:
        """Gives the lease back. Where that cannot be told, it runs out by itself."""
        with self._lock:
            self._done.set()
            held, self._held = self._held, None
            if held is not None:
                try:
                    self._written(replace(held, token=None), self._etag)
                except (ClientError, BotoCoreError):
                    return

    def _taken(self) -> bool:
        found = self._store.get_json_version(self._key)
        before = Holding(**found.value) if found else None
        if found and before and before.token is not None and not before.process_is_gone and found.age_seconds <= self._seconds_to_live:
            return False
        wanted = Holding(
            token=uuid.uuid4().hex,
            holder=self._holder,
            machine=this_machine(),
            process=os.getpid(),
            taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
            epoch=before.epoch + 1 if before else 1,
        )
        return self._written(wanted, found.etag if found else None)

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
            except (ClientError, BotoCoreError):
                continue


def this_machine() -> str:
    """The same for processes that see each other's ids: one start of one machine, one space of process ids (a container has its own)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{socket.gethostname()}/{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{socket.gethostname()}/{uuid.getnode()}"
