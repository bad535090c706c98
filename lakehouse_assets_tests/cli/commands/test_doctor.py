"""`lakehouse doctor`, and what the other commands say without credentials."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from lakehouse_assets_tests.cli.commands.calls import lakehouse_command

pytestmark = pytest.mark.usefixtures("house")


def test_a_working_installation_has_no_errors() -> None:
    result = lakehouse_command("doctor")
    assert result.exit_code == 0
    assert "not needed by the embedded engine" in result.stdout
    assert "Embedded AWS: running at http://127.0.0.1:" in result.stdout


def test_an_error_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAKEHOUSE_CONTRACTS", str(tmp_path))
    result = lakehouse_command("doctor")
    assert result.exit_code == 1
    assert f"No contract (*.odcs.yaml) in {tmp_path}" in result.stdout
    assert "-> " in result.stdout
    monkeypatch.undo()
    (tmp_path / "file").touch()
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "file" / "home"))
    assert lakehouse_command("doctor").exit_code == 1


def test_a_variable_that_nothing_reads_is_named_with_the_one_that_may_be_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "LAKEHOUSE_BUKET",
        "LAKEHOUSE_WEATHER_REPORT",
        "DEPLOY_EMAIL",
        "DEPLOY_KEY_OF_ANOTHER_PROGRAM",
        "LAKEHOUSE_MAVEN_MIRROR",
    ):
        monkeypatch.setenv(name, "x")
    result = lakehouse_command("doctor")
    assert result.exit_code == 0
    found = {
        line.split()[-1]: told.split("-> ")[1]
        for line, told in pairwise(result.stdout.splitlines())
        if "Nothing reads the variable" in line
    }
    assert found == {
        "DEPLOY_EMAIL": "Did you mean DEPLOY_EMAILS?",
        "LAKEHOUSE_BUKET": "Did you mean LAKEHOUSE_BUCKET?",
        "LAKEHOUSE_WEATHER_REPORT": "docs/reference/settings.md lists the settings.",
    }


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name, value in {"LAKEHOUSE_AWS": "account", "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("no_credentials")
def test_missing_credentials_of_an_account_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    result = lakehouse_command("doctor")
    assert result.exit_code == 1
    assert "Credentials: Unable to locate credentials. Set AWS_PROFILE" in result.stdout
    assert "lakehouse doctor" not in result.stdout


@pytest.mark.usefixtures("no_credentials")
@pytest.mark.parametrize(
    ("region", "told"), [("", "You must specify a region."), ("eu-central-1", "Unable to locate credentials.")]
)
@pytest.mark.parametrize("command", [("query", "SELECT 1"), ("check",), ("rejects",), ("history",)])
def test_missing_credentials_are_not_an_unexpected_error(
    command: tuple[str, ...], region: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if region:
        monkeypatch.setenv("AWS_REGION", region)
    result = lakehouse_command(*command)
    assert result.exit_code == 2, result.output
    if command == ("query", "SELECT 1") or region:
        assert f"{told} Set AWS_PROFILE" in result.stderr
