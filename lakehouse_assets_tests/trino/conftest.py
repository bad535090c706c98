"""One Trino server for all tests of this folder, over the session's embedded AWS."""

from collections.abc import Iterator

import pytest

from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets_tests.trino.server import Server, trino_server


@pytest.fixture(scope="session")
def trino(lakehouse_aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with trino_server(tmp_path_factory.mktemp("trino"), lakehouse_aws.environment()) as server:
        yield server
