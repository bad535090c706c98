"""Preflight of a file of a test."""

import hashlib
from pathlib import Path

import pytest

from lakehouse_assets.landing.csv_files.preflight import Limits, Preflight, preflight
from lakehouse_assets_tests.landing.csv_files.support import (
    CONTRACT,
    Look,
)


@pytest.fixture
def look(tmp_path: Path) -> Look:
    def look(content: bytes, name: str = "products.csv", limits: Limits = Limits()) -> Preflight:  # noqa: B008
        path = tmp_path / name
        path.write_bytes(content)
        found = preflight(path, CONTRACT, limits)
        assert (found.sha256, found.size) == (hashlib.sha256(content).hexdigest(), len(content))
        return found

    return look
