"""The Python packages that this distribution requires, and whether they are installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

DISTRIBUTION = "lakehouse-assets"


def required(extra: str = "") -> list[Requirement]:
    """The distribution's requirements, those of an extra (`local`, `spark`) included."""
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
