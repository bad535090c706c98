"""The Glue jobs' Python modules as one zip of wheels in the bucket, so that a run does not need a package index.

Glue 5.0 and later accepts such a zip in --additional-python-modules if its name ends with `.gluewheels.zip` and its
folder `wheels/` has the wheels and a `requirements.txt` (AWS Glue, Using Python libraries). The wheels have the
versions of requirements.lock and are checked against its hashes.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from aws_deploy.packaging import locked, zipped
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.glue.modules import MODULES
from lakehouse_assets.landing.store import Store
from lakehouse_assets.landing.zone import CODE

PYTHON = "3.13"
"""The version in Glue 6.0."""
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64")
OF_SPARK = ("delta-spark",)
"""delta-spark's Python part is in Glue's jar of Delta Lake, but not on the path of every image (awslabs/aws-glue-libs,
issue 185). The version is that of Glue's jar.
"""
NAME = "modules.gluewheels.zip"


def upload_modules(store: Store, control: str) -> str:
    """Builds and uploads the zip, unless the bucket has it. Returns its s3:// location."""
    key = f"{control}{CODE}{_address()}/{NAME}"
    if not store.exists(key):
        with tempfile.TemporaryDirectory() as folder:
            store.upload(build_modules(Path(folder)), key)
    return f"s3://{store.bucket}/{key}"


def build_modules(folder: Path) -> Path:
    """Builds the zip in `folder` and returns its path. Raises BadConfiguration if a wheel cannot be downloaded for
    Glue's Python.
    """
    wheels = folder / "content" / "wheels"
    wheels.mkdir(parents=True)
    hashed = folder / "hashed.txt"
    hashed.write_text(_requirements(), "utf-8")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--require-hashes",
        "--only-binary",
        ":all:",
    ]
    target = [
        "--python-version",
        PYTHON,
        "--implementation",
        "cp",
        *(word for platform in PLATFORMS for word in ("--platform", platform)),
    ]
    done = subprocess.run(
        [*command, *target, "--dest", str(wheels), "--requirement", str(hashed)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BadConfiguration(f"Downloading the Glue jobs' modules for Python {PYTHON} failed: {done.stderr.strip()}")
    pinned = [line.split(" ")[0] for line in _requirements().splitlines() if "==" in line]
    (wheels / "requirements.txt").write_text("\n".join(pinned) + "\n", "utf-8")
    # No compression: wheels are compressed already.
    return zipped(folder / "content", folder / NAME, compression=0)


def _requirements() -> str:
    return locked(MODULES) + locked(OF_SPARK)


def _address() -> str:
    return hashlib.sha256(
        repr((PYTHON, PLATFORMS, _requirements())).encode() + Path(__file__).read_bytes()
    ).hexdigest()[:24]
