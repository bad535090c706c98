"""The code server refuses what cannot work, all faults at once, before it starts anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse_assets.cli.exit_codes import ExitCode
from lakehouse_assets_tests.cli.conftest import clean_environment
from lakehouse_assets_tests.server.processes import ROOT


def started(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in clean_environment().items() if not name.startswith("DAGSTER_")}
    return subprocess.run(
        [sys.executable, "-m", "lakehouse_assets.server.code_server", "--port", "1"],
        env=environment | {"PYTHONPATH": str(ROOT), "LAKEHOUSE_HOME": str(folder / "home")} | settings,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_everything_that_is_missing_is_named_with_what_to_do(tmp_path: Path) -> None:
    result = started(tmp_path, DAGSTER_HOME=str(tmp_path / "elsewhere"))
    assert result.returncode == ExitCode.WRONG_USAGE
    for named in (
        "DAGSTER_HOME is",
        f"Set it to {tmp_path}/home/dagster",
        "ln -s",
        "DAGSTER_POSTGRES_URL does not begin with postgresql+psycopg2://",
    ):
        assert named in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "home" / "aws").exists(), "nothing was started"


@pytest.mark.parametrize("wrong", [{"LAKEHOUSE_GATE": "most"}, {"LAKEHOUSE_CONTRACTS": "/nowhere"}])
def test_a_wrong_setting_is_named(tmp_path: Path, wrong: dict[str, str]) -> None:
    dagster_home = tmp_path / "home" / "dagster"
    dagster_home.mkdir(parents=True)
    (dagster_home / "dagster.yaml").touch()
    result = started(tmp_path, DAGSTER_HOME=str(dagster_home), DAGSTER_POSTGRES_URL="postgresql+psycopg2:///d", **wrong)
    assert result.returncode == ExitCode.WRONG_USAGE
    assert next(iter(wrong.values())) in result.stderr
    assert "Traceback" not in result.stderr
