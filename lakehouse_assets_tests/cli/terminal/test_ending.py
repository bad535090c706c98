"""How a command ends that cannot go on: the embedded AWS dies under it, the disk is full, something unexpected happens.
It says so, and a program gets its object."""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from lakehouse_assets.cli import runs as batches
from lakehouse_assets.cli.main import app
from lakehouse_assets.errors import TemporaryOutage
from lakehouse_assets.landing.store import Store
from lakehouse_assets_tests.cli.conftest import PROGRAM, Program, clean_environment
from lakehouse_assets_tests.support import product, products_csv

HTTP_500 = TemporaryOutage(
    "Archiving: AWS answered InternalError (the disk of the embedded AWS refused: [Errno 28] No space left on device)."
)


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*given: object, **named: object) -> Any:
        raise error

    return fail


@pytest.mark.usefixtures("environment_of_lakehouse")
@pytest.mark.parametrize(
    ("place", "error"),
    [
        ((Store, "upload"), HTTP_500),
        ((batches, "prepare_instance"), sqlite3.OperationalError("database or disk is full")),
        ((batches, "run_batch"), OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))),
        (
            (batches, "run_batch"),
            duckdb.OutOfMemoryException("failed to offload data block of size 256.0 KiB: 'max_temp_directory_size'"),
        ),
        ((batches, "run_batch"), {"status": "failed", "error": str(HTTP_500)}),
    ],
    ids=["S3", "Dagster's database", "a quota", "DuckDB", "a step"],
)
def test_a_full_disk_is_said_with_what_is_free_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: tuple[object, str], error: Exception | dict[str, Any]
) -> None:
    (tmp_path / "p.csv").write_text(products_csv(product(1)))
    report = {"batch_id": "b", "datasets": {}, "files": []}
    monkeypatch.setattr(*place, raising(error) if isinstance(error, Exception) else lambda *_, **__: report | error)

    result = CliRunner().invoke(app, ["load", str(tmp_path / "p.csv"), "--json"])

    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert said["status"] == "failed"
    assert said["error"].startswith("The disk is full: ")
    assert "MiB are free" in said["error"]
    assert "Free some space, then run the same command again" in said["error"]
    assert "unexpected" not in result.stderr


@pytest.mark.usefixtures("environment_of_lakehouse")
def test_a_program_gets_its_object_even_after_what_nobody_thought_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "p.csv").write_text(products_csv(product(1)))
    monkeypatch.setattr(batches, "run_batch", raising(ZeroDivisionError("by nought")))

    result = CliRunner().invoke(app, ["load", str(tmp_path / "p.csv"), "--json"])

    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"] == "ZeroDivisionError: by nought"
    assert "unexpected" in result.stderr


def test_a_load_whose_embedded_aws_is_killed_says_so_and_the_next_one_goes_on(program: Program, tmp_path: Path) -> None:
    """boto3, delta-rs and Athena's client would go on trying for up to two minutes, and then tell of an AWS that does
    not answer."""
    home = tmp_path / "home"
    (tmp_path / "p.csv").write_text(products_csv(*(product(number) for number in range(20_000))))
    environment = clean_environment() | {"LAKEHOUSE_HOME": str(home)}
    load = subprocess.Popen(
        [PROGRAM, "load", "p.csv", "--json"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(home.glob("aws/s3/*/*/control/open_batch.json")):
        assert load.poll() is None
        time.sleep(0.02)
    os.kill(json.loads((home / "aws" / "server.json").read_text())["pid"], signal.SIGKILL)
    answer, error = load.communicate(timeout=60)

    assert load.returncode == 1
    assert error.startswith(f"Error: The embedded AWS of {home} died")
    assert error.count("died") == 1
    assert str(home / "logs" / "embedded_aws.log") in error
    assert json.loads(answer)["error"] in error
    [runs] = home.glob("dagster/history/runs.db")
    with sqlite3.connect(runs) as connection:
        assert connection.execute("SELECT status FROM runs").fetchall() == [("FAILURE",)]

    again = program("load", "p.csv", "--json")
    assert again.returncode == 0, again.stderr
    assert "is still open and is resumed first" in again.stderr
    assert json.loads(program("query", "SELECT count(*) AS n FROM products", "--format", "json").stdout) == [
        {"n": 20_000}
    ]
