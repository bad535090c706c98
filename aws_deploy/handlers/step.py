"""What all Lambdas share: the lakehouse of the environment's settings, scratch space for a call, and errors without
values of rows.
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
    """An error that is not one of the lakehouse's. Its own message may hold values of a row, so that message is only in
    the function's log.
    """


class KeptAws(Aws):
    """Keeps one client per service for the life of the Lambda's process: creating one takes longer than most calls."""

    def client(self, service: str) -> Any:
        return _client(service)


@lru_cache
def _client(service: str) -> Any:
    return Aws().client(service)


class KeptContracts(Lakehouse):
    """Reads the contracts once per process: they are part of the Lambda's code."""

    @cached_property
    def contracts(self) -> Contracts:
        return _contracts(self.settings.contracts)


@lru_cache
def _contracts(folder: Path) -> Contracts:
    return read_contracts(folder)


@contextmanager
def connected(execution: str | None = None) -> Iterator[Lakehouse]:
    """The lakehouse for one call, as a step of an execution if one is given. /tmp outlives a call, so the scratch space
    is removed at its end.
    """
    with tempfile.TemporaryDirectory(prefix="lakehouse-", ignore_cleanup_errors=True) as home, _named():
        yield KeptContracts(read_settings(home=Path(home)), KeptAws(), holder="Lambda", execution=execution)


@contextmanager
def step(event: Event) -> Iterator[Lakehouse]:
    """The lakehouse for a step that writes. The execution takes the lease unless it holds it. Raises LakehouseBusy if
    another holder has it.
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
    except Exception as error:  # noqa: BLE001 - raised again, without values of rows
        traceback.print_exc()
        raise UnexpectedFailure(f"{type(error).__name__}. The log of this Lambda has the traceback.") from None
