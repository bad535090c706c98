"""Loads the same files on this machine with the embedded engine and the embedded Athena, for comparison with an
account. (Tests compare the embedded Athena with Trino.)

Runs in a process of its own: a process that uses an embedded AWS cannot use its environment's AWS account
(`lakehouse_assets.aws.environment`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from aws_deploy.acceptance.batches import run_dagster
from aws_deploy.acceptance.comparison import Found, answers_of, from_json, rows_of, to_json
from lakehouse_assets.connect import connected
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.settings import read_settings


class NoReference(LakehouseError):
    """The files could not be loaded on this machine, so there is nothing to compare with."""


def reference(files: Sequence[Path]) -> Found:
    """Loads the files on a temporary embedded AWS. Returns its content. Raises NoReference if that fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LAKEHOUSE_", "AWS_"))}
    command = [sys.executable, "-m", "aws_deploy.acceptance.reference", *map(str, files)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoReference(f"The sample files could not be loaded on this machine: {done.stderr.strip()[-2000:]}")
    return from_json(json.loads(done.stdout.splitlines()[-1]))


def main(files: Sequence[Path]) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="lakehouse-reference-", ignore_cleanup_errors=True) as home,
        connected(read_settings(home=Path(home))) as lakehouse,
    ):
        report = run_dagster("embedded", {**os.environ, "LAKEHOUSE_AWS": "embedded"}, files, Path(home))
        print(json.dumps(to_json(Found(rows_of(lakehouse), answers_of(lakehouse, report["batch_id"])))))


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
