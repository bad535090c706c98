"""The code of the Lambdas as two zips: `steps` (no Spark, no Dagster, no engine) and `load`, with DuckDB and delta-rs
besides.

What is installed in them are the versions and hashes of requirements.lock, as wheels for the platform that runs them.
Both are small because of what is left out: of botocore all services but those that are called, of this project what no
Lambda imports. Compiled where this Python is the target's, because a Lambda's folder is read-only: without it every
cold start compiles everything anew. The same inputs give the same bytes and the same place in the bucket.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import lakehouse_assets
from aws_deploy.handlers.engines import NAME as ENGINES_ZIP
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.glue.arguments import CONTRACT
from lakehouse_assets.glue.modules import MODULES
from lakehouse_assets.landing.store import Store
from lakehouse_assets.landing.zone import CODE

RUNTIME = "python3.13"
ARCHITECTURE = "x86_64"
STEPS, LOAD = ZIPS = ("steps", "load")

PROJECT = Path(__file__).parents[1]
LOCK = "requirements.lock"
OF_A_STEP = tuple(name for name in MODULES if name != "dagster-pipes")
"""As for the Glue jobs: installed with --no-deps, so all of them are named, to the last."""
PACKAGES = {STEPS: OF_A_STEP, LOAD: (*OF_A_STEP, "arro3-core", "deltalake", "deprecated", "duckdb", "pytz", "wrapt")}
SERVICES = ("athena", "glue", "s3", "sns", "sqs", "sso", "sso-oidc", "signin", "stepfunctions", "sts")
"""Those that are called; sso and its kin are looked at by botocore's search for credentials."""
NOT_IN_LAMBDAS = (
    "assets",
    "checks",
    "cli",
    "embedded_aws",
    "local",
    "resources",
    "sample_data",
    "sensors",
    "sql",
    "templates",
    "definitions.py",
    "glue_entry_point.py",
    "jobs.py",
    "schedules.py",
)
"""Of lakehouse_assets: what no Lambda imports."""
ENGINES = ("*duckdb*", "deltalake*", "arro3*")
"""What lies in a zip of its own in the load's, as it is called where packages are installed
(aws_deploy.handlers.engines).
"""
LONG_AGO = (2020, 2, 2, 0, 0, 0)


@dataclass(frozen=True)
class Target:
    """What the zips are for. `python`: 3.13; `platform`: as uv names it. `compression`: 0 to 9, of the zips."""

    python: str
    platform: str
    compression: int = 9

    @property
    def is_this_python(self) -> bool:
        return self.python == f"{sys.version_info.major}.{sys.version_info.minor}"


AWS_LAMBDA = Target(RUNTIME.removeprefix("python"), f"{ARCHITECTURE}-manylinux_2_28")


def this_machine() -> Target:
    """For the embedded AWS, which runs Lambdas with this Python. Not compressed: nothing is sent anywhere, and each
    Lambda unpacks it anew.
    """
    return Target(f"{sys.version_info.major}.{sys.version_info.minor}", "", compression=0)


@dataclass(frozen=True)
class LambdaCode:
    """Where the zips lie: keys in the lakehouse's bucket."""

    steps: str
    load: str


def upload_lambda_code(store: Store, control: str, contracts: Path, target: Target = AWS_LAMBDA) -> LambdaCode:
    """Builds and uploads the zips that are not there yet. `control`: the prefix of the control folder; `contracts`: the
    documents that go into them.
    """
    keys = {name: f"{control}{CODE}{address(name, contracts, target)}/{name}.zip" for name in ZIPS}
    for name, key in keys.items():
        if not store.exists(key):
            with tempfile.TemporaryDirectory() as folder:
                store.upload(build(name, contracts, Path(folder), target), key)
    return LambdaCode(keys[STEPS], keys[LOAD])


def address(name: str, contracts: Path, target: Target) -> str:
    """Names what a zip is built from: the locked packages, this project's files, the contracts, and this recipe (which
    is one of the files).
    """
    told = hashlib.sha256(
        repr((name, target, target.is_this_python, sysconfig.get_platform() if not target.platform else "")).encode()
    )
    told.update(locked(PACKAGES[name]).encode())
    for place, file in sorted([*_sources(contracts).items(), ("recipe", Path(__file__))]):
        told.update(place.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return told.hexdigest()[:24]


def build(name: str, contracts: Path, folder: Path, target: Target = AWS_LAMBDA) -> Path:
    """Builds one zip into a folder. Raises BadConfiguration where a package cannot be had for the target."""
    content = folder / name
    _install(name, content, target)
    _leave_out(content)
    for place, file in _sources(contracts).items():
        (content / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, content / place)
    if target.is_this_python:
        _compile(content)
    if target.platform and name == LOAD:
        _pack_engines(content, folder, target.compression)
    return zipped(content, folder / f"{name}.zip", target.compression)


def _pack_engines(content: Path, folder: Path, compression: int) -> None:
    """Into a zip in the zip: what counts for Lambda's limit is then their compressed size."""
    engines = folder / "engines"
    engines.mkdir()
    for found in [found for shape in ENGINES for found in content.glob(shape)]:
        shutil.move(found, engines / found.name)
    zipped(engines, content / ENGINES_ZIP, compression)


def _compile(content: Path) -> None:
    """The time of a file says nothing in a zip, and a Lambda's files do not change: no source is looked at. In a
    process of its own, because the bytes depend on which texts a process has seen before (marshal writes what is shared
    once). A file that is not for this Python stays as it is."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "compileall",
        "-qq",
        "-s",
        str(content),
        "--invalidation-mode",
        "unchecked-hash",
        str(content),
    ]
    subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": "0"}, check=False)


def locked(packages: Iterable[str]) -> str:
    """The lines of requirements.lock for these packages, with their hashes. Raises BadConfiguration if it lacks one."""
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", (PROJECT / LOCK).read_text("utf-8")):
        found[re.split(r"[=\[ ;]", entry, maxsplit=1)[0]] = "\n".join(
            line for line in entry.splitlines() if not line.lstrip().startswith("#")
        )
    if absent := [package for package in packages if package not in found]:
        raise BadConfiguration(f"{LOCK} has no {', '.join(absent)}. Run `make lock`.")
    return "\n".join(found[package] for package in packages) + "\n"


def _install(name: str, into: Path, target: Target) -> None:
    from uv import find_uv_bin

    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(locked(PACKAGES[name]))
        requirements.flush()
        command = [
            find_uv_bin(),
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--target",
            str(into),
        ]
        platform = ["--python-version", target.python, "--python-platform", target.platform] if target.platform else []
        done = subprocess.run(
            [*command, *platform, "--python", sys.executable, "-r", requirements.name],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ,
        )
    if done.returncode != 0:
        raise BadConfiguration(
            f"The Lambdas' packages could not be installed for Python {target.python}: {done.stderr.strip()}"
        )


def _leave_out(content: Path) -> None:
    for data in (content / "botocore" / "data").iterdir():
        if data.is_dir() and data.name not in SERVICES:
            shutil.rmtree(data)
    for folder in (*content.rglob("__pycache__"), content / "bin", content / "boto3" / "examples"):
        shutil.rmtree(folder, ignore_errors=True)


def _sources(contracts: Path) -> dict[str, Path]:
    """This project's files, by their place in the zip: the modules, and the contracts in the place of those that are
    shipped.
    """
    package = Path(lakehouse_assets.__file__).parent
    modules = [
        file
        for file in package.rglob("*")
        if file.suffix in (".py", ".typed") and file.relative_to(package).parts[0] not in NOT_IN_LAMBDAS
    ]
    handlers = [Path(__file__).parent / "__init__.py", *(Path(__file__).parent / "handlers").glob("*.py")]
    return {
        **{str(file.relative_to(package.parent)): file for file in modules},
        **{str(file.relative_to(PROJECT)): file for file in handlers},
        **{f"{package.name}/contracts/{file.name}": file for file in contracts.glob(f"*{CONTRACT}")},
    }


def zipped(content: Path, into: Path, compression: int) -> Path:
    kind = zipfile.ZIP_DEFLATED if compression else zipfile.ZIP_STORED
    with zipfile.ZipFile(into, "w", kind, compresslevel=compression) as archive:
        for file in _files(content):
            # 0644: without it a Lambda may not read its own code.
            entry = zipfile.ZipInfo(str(file.relative_to(content)), LONG_AGO)
            entry.external_attr, entry.compress_type = 0o100644 << 16, kind
            with file.open("rb") as source, archive.open(entry, "w") as written:
                shutil.copyfileobj(source, written, 1 << 20)
    return into


def _files(content: Path) -> Iterable[Path]:
    return sorted(file for file in content.rglob("*") if file.is_file())
