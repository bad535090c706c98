"""The engines that must give equal outcomes, and an empty lakehouse for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets.etl.engines.embedded import EmbeddedEngine
from lakehouse_assets.etl.engines.spark import SparkEngine
from lakehouse_assets_tests.etl.support import House
from lakehouse_assets_tests.spark import spark_of_tests


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return EmbeddedEngine(tmp_path_factory.mktemp("scratch"))


@pytest.fixture(scope="session")
def spark() -> Engine:
    return SparkEngine(spark_of_tests, reads_from_bucket=False)


@pytest.fixture(scope="session", params=["embedded", pytest.param("spark", marks=pytest.mark.spark)])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine; a test that takes it runs once for each."""
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> House:
    """An empty lakehouse of the shipped contracts."""
    return House(engine, tmp_path, read_contracts())
