"""What every Lambda does around its work: the lakehouse of the environment's settings, scratch space for this call, and errors that say no row's values."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lakehouse_assets.aws import Aws
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.lakehouse import Lakehouse
from lakehouse_assets.settings import read_settings

Event = Mapping[str, Any]


class UnexpectedFailure(LakehouseError):
    """Something that nobody thought of. Its own words may hold a row's values, so they stay in the function's log."""


@contextmanager
def lakehouse(execution: str | None = None) -> Iterator[Lakehouse]:
    """The lakehouse, as a step of an execution if there is one. /tmp outlives a call, so what this one puts there is gone at its end."""
    with tempfile.TemporaryDirectory(prefix="lakehouse-", ignore_cleanup_errors=True) as home, _named():
        yield Lakehouse(read_settings(home=Path(home)), Aws(), holder="Lambda", execution=execution)


@contextmanager
def step(event: Event) -> Iterator[Lakehouse]:
    """The lakehouse for a step that writes: the execution holds the lease, or takes it. Raises LakehouseBusy where another has it."""
    with lakehouse(str(event["execution"])) as house:
        house.take_lease(print)
        yield house


@contextmanager
def _named() -> Iterator[None]:
    try:
        yield
    except LakehouseError:
        raise
    except Exception as error:  # noqa: BLE001 - it is raised again, in words that may be told
        traceback.print_exc()
        raise UnexpectedFailure(f"{type(error).__name__}; the log of this Lambda says where, and what was being done.") from None
