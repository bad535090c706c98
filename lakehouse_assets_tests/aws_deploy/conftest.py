"""The Lambdas' zips, built once for the session: a deployment finds them in its bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

from aws_deploy.packaging import ZIPS, build, this_machine
from lakehouse_assets.contracts import SHIPPED


@pytest.fixture(scope="session")
def lambda_zips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """For this machine, with the shipped contracts."""
    return {name: build(name, SHIPPED, tmp_path_factory.mktemp(name), this_machine()) for name in ZIPS}
