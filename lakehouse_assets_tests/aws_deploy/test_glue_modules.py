"""The Glue jobs' modules as one zip: all that a job imports, for Glue's Python, to be installed without a package
index.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from aws_deploy.glue_modules import OF_SPARK, build_modules
from lakehouse_assets.glue.modules import MODULES


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("modules")
    built = build_modules(folder)
    assert built.name.endswith(".gluewheels.zip"), "Glue knows it by this end of its name"
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_it_holds_each_module_in_the_version_that_is_tested_here_and_deltas_python_part(unpacked: Path) -> None:
    pinned = dict(line.split("==") for line in (unpacked / "wheels" / "requirements.txt").read_text().splitlines())
    assert pinned.keys() == {*MODULES, *OF_SPARK}
    assert {name: pinned[name] for name in MODULES} == {name: version(name) for name in MODULES}
    assert len(list((unpacked / "wheels").glob("*.whl"))) == len(pinned)


def test_it_installs_for_glues_python_without_an_index(unpacked: Path, tmp_path: Path) -> None:
    for_glue = [
        "--only-binary",
        ":all:",
        "--python-version",
        "3.13",
        "--platform",
        "manylinux2014_x86_64",
        "--platform",
        "manylinux_2_17_x86_64",
    ]
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--find-links",
        "wheels",
        "-r",
        "wheels/requirements.txt",
    ]
    done = subprocess.run(
        [*command, *for_glue, "--target", str(tmp_path)], cwd=unpacked, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {"boto3", "pydantic_core", "python_calamine", "delta", "dagster_pipes"} <= {
        path.name for path in tmp_path.iterdir()
    }
