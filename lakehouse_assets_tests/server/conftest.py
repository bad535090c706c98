"""A server that runs on PostgreSQL, for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lakehouse_assets_tests.server.postgres import Postgres, missing, postgres
from lakehouse_assets_tests.server.processes import CODE, DAEMON, WEBSERVER, Server


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    if reason := missing():
        pytest.skip(reason)
    with postgres() as started:
        yield started


@pytest.fixture(scope="module")
def server(database: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """All three processes, started at the same time on an empty database."""
    folder = tmp_path_factory.mktemp("server")
    made = Server(folder / "home", folder, database.sqlalchemy_url, LAKEHOUSE_SENSOR_SECONDS="1", LAKEHOUSE_GATE="any")
    made.start(WEBSERVER, DAEMON, CODE)
    try:
        made.await_code_server()
        yield made
    finally:
        made.stop()
