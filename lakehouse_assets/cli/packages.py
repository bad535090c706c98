"""The Python packages that this distribution requires: whether they are installed, and how to install them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

import lakehouse_assets

DISTRIBUTION = "lakehouse-assets"


def required(extra: str = "") -> list[Requirement]:
    """The distribution's requirements, those of an extra (`local`, `server`, `spark`) included."""
    return [
        requirement
        for requirement in map(Requirement, requires(DISTRIBUTION) or [])
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra})
    ]


def required_by(extra: str) -> list[Requirement]:
    """The requirements of an extra alone."""
    always = set(required())
    return [requirement for requirement in required(extra) if requirement not in always]


def faults(requirements: list[Requirement]) -> list[str]:
    """Which of these are missing, or installed in another version; one phrase each."""
    found = []
    for requirement in requirements:
        try:
            installed = version(requirement.name)
        except PackageNotFoundError:
            found.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            found.append(f"{requirement.name} is {installed}, not {requirement.specifier}")
    return found


def install_command(extra: Literal["local", "server", "spark"]) -> str:
    """The command that installs an extra: the Makefile's in a checkout, otherwise pip's. Spark's jars come with `make
    spark`; without the Makefile they are a command of their own."""
    if (Path(lakehouse_assets.__file__).parents[1] / "Makefile").exists():
        return {"local": "make setup", "server": "make server", "spark": "make spark"}[extra]
    pip = f"pip install '{DISTRIBUTION}[{extra}]'"
    return pip if extra != "spark" else f"{pip} && python -m lakehouse_assets.local.spark jars"
