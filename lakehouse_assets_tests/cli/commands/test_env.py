"""`lakehouse env`: another program gets what it needs, and whoever reads it is told that it is secret."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.main import app

ASK = (
    "import boto3, os;"
    " print(boto3.client('s3').head_bucket(Bucket=os.environ['BUCKET_ASKED'])['ResponseMetadata']['HTTPStatusCode'])"
)


@pytest.mark.parametrize("form", ["shell", "json"])
def test_another_program_reaches_the_embedded_aws_with_what_it_prints(house: Lakehouse, form: str) -> None:
    result = CliRunner().invoke(app, ["env", "--format", form])
    assert result.exit_code == 0
    assert "secret" in result.stderr

    others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "BUCKET_ASKED": house.settings.bucket
    }
    given = json.loads(result.stdout) if form == "json" else {}
    evaluated = f'{result.stdout if form == "shell" else ""}\nexec {sys.executable} -c "{ASK}"'
    asked = subprocess.run(
        ["/bin/sh", "-ec", evaluated], env=others | given, capture_output=True, text=True, check=False
    )
    assert asked.stdout == "200\n", asked.stderr


def test_where_none_runs_it_says_what_runs_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_HOME", str(tmp_path / "home"))

    result = CliRunner().invoke(app, ["env"])

    assert (result.exit_code, result.stdout) == (1, "")
    assert "Start one: lakehouse up" in result.stderr
    assert not (tmp_path / "home").exists()


def test_an_account_has_its_own_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_AWS", "account")

    result = CliRunner().invoke(app, ["env"])

    assert (result.exit_code, result.stdout) == (2, "")
    assert "LAKEHOUSE_AWS is account" in result.stderr
