"""The built wheel, installed into an empty environment as a user installs it: without the checkout, without make."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from docs_reference.release import ROOT, notes
from lakehouse_assets.glue.wheel import build_wheel

UV = Path(sys.executable).with_name("uv")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel with its extra `local`, and nothing but what that asks for, at
    the locked versions. They come from uv's cache, or from the package index where that lacks one."""
    environment = tmp_path_factory.mktemp("installed") / "environment"
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, environment], check=True, timeout=60)
    python = environment / "bin" / "python"
    command: list[str | Path] = [
        UV,
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
        "-c",
        ROOT / "requirements.lock",
        f"{wheel}[local]",
    ]
    offline = subprocess.run([*command, "--offline"], check=False, capture_output=True, timeout=300)
    if offline.returncode != 0:
        subprocess.run(command, check=True, timeout=300)
    return python.parent


def run(program: Path, folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A person's call in this folder: nothing is set but what is named here."""
    return subprocess.run(
        [program, *arguments],
        cwd=folder,
        env={"PATH": f"{program.parent}:/usr/bin:/bin", "HOME": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_demo_is_the_first_command_and_leaves_nothing(installed: Path, tmp_path: Path) -> None:
    folder, scratch = tmp_path / "empty", tmp_path / "temporary"
    folder.mkdir()
    scratch.mkdir()
    result = run(installed / "lakehouse", folder, "demo", TMPDIR=str(scratch), LAKEHOUSE_REJECT_LIMIT="0")
    assert result.returncode == 0, result.stderr
    for promised in (
        "quarantined",
        "not-a-date",
        "favourite_department",
        "updated",
        "duplicate",
        "healed",
        "lakehouse up",
        "explain",
    ):
        assert promised in result.stdout
    assert "\x1b" not in result.stdout + result.stderr
    assert list(scratch.iterdir()) == []
    assert list(folder.iterdir()) == [], "neither a home nor anything else is left in the folder it was called in"


def test_it_is_the_installed_package_that_runs(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "lakehouse", tmp_path, "--version").stdout == f"lakehouse {VERSION}\n"
    found = run(installed / "python", tmp_path, "-c", "import lakehouse_assets; print(lakehouse_assets.__file__)")
    assert Path(found.stdout.strip()).is_relative_to(installed.parent)
    assert run(installed / "python", tmp_path, "-c", "import aws_deploy").returncode == 1


def test_doctor_needs_no_checkout(installed: Path, tmp_path: Path) -> None:
    result = run(installed / "lakehouse", tmp_path, "doctor", LAKEHOUSE_BUKET="x")
    assert "Did you mean LAKEHOUSE_BUCKET?" in result.stdout
    assert "unexpected" not in result.stderr


def test_the_state_machine_is_refused_without_a_checkout(installed: Path, tmp_path: Path) -> None:
    result = run(installed / "lakehouse", tmp_path, "up", LAKEHOUSE_ORCHESTRATOR="state_machine")
    assert result.returncode == 2
    assert "Run this in a checkout" in result.stderr


def test_the_wheel_has_the_package_alone_and_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = message_from_bytes(archive.read(f"lakehouse_assets-{VERSION}.dist-info/METADATA"))
    assert {name.split("/")[0] for name in names} == {"lakehouse_assets", f"lakehouse_assets-{VERSION}.dist-info"}
    assert (metadata["Version"], metadata["License-Expression"], metadata["Requires-Python"]) == (
        VERSION,
        "MIT",
        "<3.14,>=3.11",
    )
    assert metadata.get_all("License-File") == ["LICENSE"]


def test_the_release_has_the_changelogs_words(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## 1.2.0 - 2026-12-01\n\n### Added\n\n- One.\n\n## 1.1.0\n\n- Two.\n"
    )
    assert notes("v1.2.0", tmp_path) == "### Added\n\n- One.\n"
    with pytest.raises(LookupError, match=r"The tag v1\.1\.0 is not v1\.2\.0"):
        notes("v1.1.0", tmp_path)
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n")
    with pytest.raises(LookupError, match="0 sections"):
        notes("v1.2.0", tmp_path)


def test_this_version_has_its_section_in_the_changelog() -> None:
    assert notes(f"v{VERSION}")
