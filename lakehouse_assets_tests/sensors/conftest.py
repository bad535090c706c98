"""A Dagster instance and a daemon of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from lakehouse_assets.lakehouse import Lakehouse
from lakehouse_assets_tests.sensors.support import Daemon


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def daemon(lakehouse: Lakehouse, instance: dg.DagsterInstance) -> Daemon:
    return Daemon(lakehouse, instance)
