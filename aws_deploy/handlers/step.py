"""What every Lambda does around its work: the lakehouse of the environment's settings, scratch space for this call, and
errors that say no row's values.
"""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import Contracts, read_contracts
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.settings import read_settings

Event = Mapping[str, Any]


class UnexpectedFailure(LakehouseError):
    """Something that nobody thought of. Its own words may hold a row's values, so they stay in the function's log."""


class KeptAws(Aws):
    """One client per service for as long as the Lambda's process lives: making one takes longer than most calls, and
    its credentials are the process's.
    """

    def client(self, service: str) -> Any:
        return _client(service)


@lru_cache
def _client(service: str) -> Any:
    return Aws().client(service)


class KeptContracts(Lakehouse):
    """The contracts lie in the Lambda's code: they are read once."""

    @cached_property
    def contracts(self) -> Contracts:
        return _contracts(self.settings.contracts)


@lru_cache
def _contracts(folder: Path) -> Contracts:
    return read_contracts(folder)


@contextmanager
def connected(execution: str | None = None) -> Iterator[Lakehouse]:
    """The lakehouse, as a step of an execution if there is one. /tmp outlives a call, so what this one puts there is
    gone at its end.
    """
    with tempfile.TemporaryDirectory(prefix="lakehouse-", ignore_cleanup_errors=True) as home, _named():
        yield KeptContracts(read_settings(home=Path(home)), KeptAws(), holder="Lambda", execution=execution)


@contextmanager
def step(event: Event) -> Iterator[Lakehouse]:
    """The lakehouse for a step that writes: the execution holds the lease, or takes it. Raises LakehouseBusy where
    another has it.
    """
    with connected(str(event["execution"])) as lakehouse:
        lakehouse.take_lease(print)
        yield lakehouse


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except LakehouseError:
        raise
    except Exception as error:  # noqa: BLE001 - it is raised again, in words that may be told
        traceback.print_exc()
        raise UnexpectedFailure(
            f"{type(error).__name__}; the log of this Lambda says where, and what was being done."
        ) from None
