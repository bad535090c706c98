"""The engines that must give equal outcomes, and an empty lakehouse for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets.etl.engines.embedded import EmbeddedEngine
from lakehouse_assets_tests.etl.support import House


@pytest.fixture(scope="session", params=["embedded"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Each engine; a test that takes it runs once for each."""
    return {"embedded": EmbeddedEngine}[request.param](tmp_path_factory.mktemp("scratch"))


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> House:
    """An empty lakehouse of the shipped contracts."""
    return House(engine, tmp_path, read_contracts())
