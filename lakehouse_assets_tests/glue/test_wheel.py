"""The wheel that Glue runs is the code that runs here, whether this is a source tree or an installed package."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.glue.wheel import PROJECT, build_wheel


def contents(wheel: Path) -> dict[str, bytes]:
    """The wheel's files; its RECORD as a set of lines, as it were."""
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return {
        name: b"\n".join(sorted(content.splitlines())) if name.endswith("/RECORD") else content
        for name, content in files.items()
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_has_the_code_the_contracts_and_the_queries_as_they_are_here(wheel: Path) -> None:
    found = contents(wheel)
    package = PROJECT / "lakehouse_assets"
    here = [
        path for path in package.rglob("*") if path.suffix in (".py", ".yaml", ".sql", ".properties", ".java", ".jar")
    ]
    assert {name: found[name] for name in (str(path.relative_to(PROJECT)) for path in here)} == {
        str(path.relative_to(PROJECT)): path.read_bytes() for path in here
    }
    assert not [name for name in found if "tests" in name or name.endswith(".pyc")]


def test_the_same_code_gives_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    assert build_wheel(tmp_path).read_bytes() == wheel.read_bytes()


def test_an_installed_package_is_packed_again_as_it_was(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            "--target",
            str(site),
            str(wheel),
        ],
        check=True,
        timeout=120,
    )
    assert list(site.rglob("*.pyc"))

    again = build_wheel(tmp_path, project=site)

    assert again.name == wheel.name
    assert contents(again) == contents(wheel)


def test_code_that_is_neither_a_source_tree_nor_installed_is_refused(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "lakehouse_assets" / "glue", tmp_path / "lakehouse_assets" / "glue")
    with pytest.raises(BadConfiguration, match="is not a checkout, and lakehouse-assets is not installed there"):
        build_wheel(tmp_path, project=tmp_path)
