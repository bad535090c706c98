"""The lakehouse as a Dagster resource: connected when a run begins, never when definitions load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import PrivateAttr

from lakehouse_assets.lakehouse import Lakehouse, connected
from lakehouse_assets.settings import read_settings


class LakehouseResource(dg.ConfigurableResource["LakehouseResource"]):
    """Gives assets the `Lakehouse` of this process's settings. The embedded AWS is shared with whatever runs it for this home, or started for the run."""

    _lakehouse: Lakehouse | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[LakehouseResource]:
        del context
        with connected(read_settings()) as lakehouse:
            self._lakehouse = lakehouse
            yield self

    @property
    def lakehouse(self) -> Lakehouse:
        if self._lakehouse is None:
            raise RuntimeError("LakehouseResource is used outside a run")
        return self._lakehouse
