"""Builds this project's wheel, so that a Glue job runs the same code as this machine."""

from __future__ import annotations

import importlib.metadata
import zipfile
from pathlib import Path

from lakehouse_assets.errors import BadConfiguration

PROJECT = Path(__file__).parents[2]
DISTRIBUTION = "lakehouse-assets"
OF_THE_INSTALLER = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
LONG_AGO = (2020, 2, 2, 0, 0, 0)


def build_wheel(folder: Path, project: Path = PROJECT) -> Path:
    """Builds the wheel in `folder` and returns its path. The same code always gives the same bytes. `project`: the
    folder that contains this package.

    A checkout is built by hatchling (0.2 s). A package that was installed from a wheel is packed again. Raises
    BadConfiguration if neither is possible.
    """
    if (project / "pyproject.toml").exists():
        return _built(project, folder)
    return _packed_again(project, folder)


def _built(project: Path, folder: Path) -> Path:
    try:
        from hatchling.builders.wheel import WheelBuilder  # noqa: PLC0415 - a build tool
    except ImportError:
        raise BadConfiguration(
            "The wheel that Glue runs cannot be built: hatchling is not installed. Run `make setup`."
        ) from None
    [wheel] = WheelBuilder(str(project)).build(directory=str(folder), versions=["standard"])
    return Path(wheel)


def _packed_again(project: Path, folder: Path) -> Path:
    installed = next(iter(importlib.metadata.distributions(name=DISTRIBUTION, path=[str(project)])), None)
    if installed is None:
        raise BadConfiguration(
            f"The wheel that Glue runs cannot be built: {project} is not a checkout, and {DISTRIBUTION} is not"
            " installed there."
        )
    files = [
        file
        for file in installed.files or []
        if file.suffix != ".pyc" and ".." not in file.parts and file.name not in OF_THE_INSTALLER
    ]
    record = "".join(f"{file},{file.hash.mode}={file.hash.value},{file.size}\n" for file in files if file.hash)
    metadata = next(file.parent for file in files if file.name == "METADATA")
    wheel = folder / f"{DISTRIBUTION.replace('-', '_')}-{installed.version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.writestr(zipfile.ZipInfo(str(file), LONG_AGO), file.read_binary(), zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo(f"{metadata}/RECORD", LONG_AGO), f"{record}{metadata}/RECORD,,\n")
    return wheel
