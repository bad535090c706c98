"""A process that dies after its n-th write: to S3, to the catalog, or a commit to a Delta table."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from deltalake import DeltaTable

from lakehouse_assets import parallel
from lakehouse_assets.aws.client import Aws
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.etl.engines.embedded import delta

WRITING = {"put_object", "copy", "delete_object", "create_table", "update_table"}


class Crash(BaseException):
    """Stands for the end of the process: nothing catches it, and after it nothing more is read or written."""


def die() -> None:
    raise Crash


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Life:
    """So many writes are left to a process; after the last of them comes its `end`. `named`: only writes whose name
    begins so are counted. `writes`: what was written, in order."""

    writes_left: int
    end: Callable[[], None] = die
    named: str = ""
    writes: list[str] = field(default_factory=list)

    def goes_on(self) -> None:
        if self.writes_left <= 0:
            self.end()

    def write(self, what: str, call: Callable[[], Any]) -> Any:
        self.goes_on()
        try:
            return call()
        finally:
            self.writes_left -= what.startswith(self.named)
            self.writes.append(what)
            self.goes_on()


class MortalClient:
    """A boto3 client of such a process."""

    def __init__(self, client: Any, life: Life) -> None:
        self._client, self._life = client, life

    def __getattr__(self, name: str) -> Any:
        self._life.goes_on()
        found = getattr(self._client, name)
        if name not in WRITING:
            return found

        def call(*given: Any, **named: Any) -> Any:
            if str(named.get("Key")).endswith("/lease.json"):
                # Renewed by a thread beside the steps and confirmed by them: how often is no property of theirs.
                # test_lease.py has its crashes.
                return found(*given, **named)
            return self._life.write(f"{name} {named.get('Key') or given[-1:]}", lambda: found(*given, **named))

        return call


@dataclass(frozen=True)
class MortalAws(Aws):
    life: Life = field(default_factory=lambda: Life(0))

    def client(self, service: str) -> Any:
        return MortalClient(super().client(service), self.life)


def make_commits_mortal(patch: Callable[[Any, str, Any], None], life: Life) -> None:
    """Commits to Delta tables do not go through boto3. Archiving is made to go one by one, so that the n-th write is
    the same each time.
    """

    def counted(what: str, commit: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given, **named: life.write(what, lambda: commit(*given, **named))

    patch(parallel, "THREADS", 1)
    patch(delta, "append", counted("append", delta.append))
    patch(delta, "merge", counted("merge", delta.merge))
    patch(DeltaTable, "create", counted("create", DeltaTable.create))


@contextmanager
def living(lakehouse: Lakehouse, life: Life) -> Iterator[Lakehouse]:
    """The same lakehouse in a process of its own, as it were, which ends as `life` says."""
    with pytest.MonkeyPatch.context() as patched:
        make_commits_mortal(patched.setattr, life)
        yield Lakehouse(lakehouse.settings, MortalAws(lakehouse.aws.environment, life))
