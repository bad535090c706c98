"""The command line on the session's embedded AWS, and as a program of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets.local.bootstrap import bootstrap
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.support import environment_of

PROGRAM = str(Path(sys.executable).with_name("lakehouse"))
Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Runs `lakehouse` as a program, in a home of its own unless told otherwise, in a folder of its own."""

    def run(*arguments: object, home: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *map(str, arguments)],
            env=clean_environment() | {"LAKEHOUSE_HOME": str(home or tmp_path / "home")} | environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return run


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("LAKEHOUSE_", "AWS_"))}


@pytest.fixture(scope="module")
def house(lakehouse_home: Path, lakehouse_aws: EmbeddedAws) -> Iterator[Lakehouse]:
    """A lakehouse for a whole test module, which this process's environment names."""
    made = Lakehouse(own_settings(lakehouse_home), Aws(lakehouse_aws.environment()))
    bootstrap(made.settings, made.aws)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in environment_of(made).items():
            environment.setenv(name, value)
        yield made
