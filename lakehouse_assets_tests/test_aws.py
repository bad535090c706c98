"""Where clients of AWS go: what is told goes before the process's environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.aws import Aws


@pytest.fixture(autouse=True)
def no_region_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


def test_the_region_of_the_processs_environment_has_either_of_its_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore reads AWS_DEFAULT_REGION only; all other AWS SDKs, the README and our own messages say AWS_REGION."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert Aws().client("s3").meta.region_name == "eu-west-1"
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert Aws().client("s3").meta.region_name == "eu-central-1"


def test_a_region_that_is_told_goes_before_the_processs_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    told = {"AWS_REGION": "us-west-2", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    assert Aws(told).client("s3").meta.region_name == "us-west-2"
