"""The code of the Lambdas as two zips: `steps` (no Spark, no Dagster, no engine) and `load`, which also has DuckDB and
delta-rs.

The packages have the versions and hashes of requirements.lock, as wheels for the platform that runs them. Both zips are
small: of botocore they have only the services that are called, and of this project only the modules that a handler
imports. The code is compiled if this Python has the target's version: a Lambda's folder is read-only, so without
compiled files every cold start compiles everything again. The same inputs give the same bytes and the same key in the
bucket.
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
from modulefinder import ModuleFinder
from pathlib import Path

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
STEP_PACKAGES = tuple(name for name in MODULES if name != "dagster-pipes")
"""As for the Glue jobs. Packages are installed with --no-deps, so every dependency is listed."""
PACKAGES = {
    STEPS: STEP_PACKAGES,
    LOAD: (*STEP_PACKAGES, "arro3-core", "deltalake", "deprecated", "duckdb", "pytz", "wrapt"),
}
SERVICES = ("athena", "glue", "s3", "sns", "sqs", "sso", "sso-oidc", "signin", "stepfunctions", "sts")
"""botocore's services that are called. Its search for credentials loads sso, sso-oidc and signin."""
WORKBOOK_READER = "lakehouse_assets.landing.workbooks.reader"
"""Run as a process of its own (lakehouse_assets/landing/workbooks/convert.py), so no import leads to it."""
ENGINES = ("*duckdb*", "deltalake*", "arro3*")
"""Packages that are in a zip of their own inside the load's zip (aws_deploy.handlers.engines): names of folders and
files of the installed packages.
"""
LONG_AGO = (2020, 2, 2, 0, 0, 0)


@dataclass(frozen=True)
class Target:
    """The platform that runs the zips. `python`: its version, 3.13; `platform`: uv's name for it, empty for this
    machine; `compression`: of the zips, 0 to 9.
    """

    python: str
    platform: str
    compression: int = 9

    @property
    def is_this_python(self) -> bool:
        return self.python == f"{sys.version_info.major}.{sys.version_info.minor}"


AWS_LAMBDA = Target(RUNTIME.removeprefix("python"), f"{ARCHITECTURE}-manylinux_2_28")


def this_machine() -> Target:
    """The target for the embedded AWS, which runs Lambdas with this Python. The zips are not compressed: they are not
    sent over a network, and each Lambda unpacks its zip again.
    """
    return Target(f"{sys.version_info.major}.{sys.version_info.minor}", "", compression=0)


@dataclass(frozen=True)
class LambdaCode:
    """The zips' keys in the lakehouse's bucket."""

    steps: str
    load: str


def upload_lambda_code(store: Store, control: str, contracts: Path, target: Target = AWS_LAMBDA) -> LambdaCode:
    """Builds and uploads the zips that the bucket lacks. `control`: the prefix of the control folder; `contracts`: the
    folder with the documents that go into the zips.
    """
    keys = {name: f"{control}{CODE}{address(name, contracts, target)}/{name}.zip" for name in ZIPS}
    for name, key in keys.items():
        if not store.exists(key):
            with tempfile.TemporaryDirectory() as folder:
                store.upload(build(name, contracts, Path(folder), target), key)
    return LambdaCode(keys[STEPS], keys[LOAD])


def address(name: str, contracts: Path, target: Target) -> str:
    """A hash (24 hex digits) of everything that a zip is built from: the target, the locked packages, this project's
    files, the contracts, and this module.
    """
    digest = hashlib.sha256(
        repr((name, target, target.is_this_python, sysconfig.get_platform() if not target.platform else "")).encode()
    )
    digest.update(locked(PACKAGES[name]).encode())
    for path, file in sorted([*_sources(contracts).items(), ("recipe", Path(__file__))]):
        digest.update(path.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:24]


def build(name: str, contracts: Path, folder: Path, target: Target = AWS_LAMBDA) -> Path:
    """Builds the zip `name` (one of ZIPS) in `folder` and returns its path. Raises BadConfiguration if a package cannot
    be installed for the target.
    """
    content = folder / name
    _install(name, content, target)
    _leave_out(content)
    for path, file in _sources(contracts).items():
        (content / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, content / path)
    if target.is_this_python:
        _compile(content)
    if target.platform and name == LOAD:
        _pack_engines(content, folder, target.compression)
    return zipped(content, folder / f"{name}.zip", target.compression)


def _pack_engines(content: Path, folder: Path, compression: int) -> None:
    """Moves the engines into a zip inside the zip, so that their compressed size counts towards Lambda's limit."""
    engines = folder / "engines"
    engines.mkdir()
    for found in [found for shape in ENGINES for found in content.glob(shape)]:
        shutil.move(found, engines / found.name)
    zipped(engines, content / ENGINES_ZIP, compression)


def _compile(content: Path) -> None:
    """Compiles the modules in place. `unchecked-hash`: a Lambda's files do not change, and their times are not kept in
    the zip, so Python must not compare sources. In a process of its own, because the bytes depend on which strings a
    process has interned before (marshal writes a shared object once). A file that this Python cannot compile stays as
    it is.
    """
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
    """The lines of requirements.lock for these packages, with their hashes. Raises BadConfiguration if the lock lacks
    one of them.
    """
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", (PROJECT / LOCK).read_text("utf-8")):
        found[re.split(r"[=\[ ;]", entry, maxsplit=1)[0]] = "\n".join(
            line for line in entry.splitlines() if not line.lstrip().startswith("#")
        )
    if absent := [package for package in packages if package not in found]:
        raise BadConfiguration(f"{LOCK} lacks {', '.join(absent)}. Run `make lock`.")
    return "\n".join(found[package] for package in packages) + "\n"


def _install(name: str, into: Path, target: Target) -> None:
    from uv import find_uv_bin  # noqa: PLC0415 - a build tool

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
            f"Installing the Lambdas' packages for Python {target.python} failed: {done.stderr.strip()}"
        )


def _leave_out(content: Path) -> None:
    for data in (content / "botocore" / "data").iterdir():
        if data.is_dir() and data.name not in SERVICES:
            shutil.rmtree(data)
    for folder in (*content.rglob("__pycache__"), content / "bin", content / "boto3" / "examples"):
        shutil.rmtree(folder, ignore_errors=True)


def _sources(contracts: Path) -> dict[str, Path]:
    """This project's files by their path in the zip: the modules that the handlers import, and `contracts` in place of
    the documents that are shipped.
    """
    documents = {f"lakehouse_assets/contracts/{file.name}": file for file in contracts.glob(f"*{CONTRACT}")}
    return {str(file.relative_to(PROJECT)): file for file in imported_files(_entry_points(), PROJECT)} | documents


def _entry_points() -> list[str]:
    handlers = (PROJECT / "aws_deploy" / "handlers").glob("*.py")
    return [
        *sorted(f"aws_deploy.handlers.{file.stem}" for file in handlers if file.stem != "__init__"),
        WORKBOOK_READER,
    ]


def imported_files(modules: Iterable[str], root: Path) -> set[Path]:
    """The files below `root` that these modules import, directly or not, at their top or inside a function. Their own
    files are among them. Raises ImportError if one of `modules` is not below `root`.
    """
    # A path of `root` alone: installed packages and the standard library are not searched.
    finder = ModuleFinder(path=[str(root)])
    for module in modules:
        finder.import_hook(module)
    files = (getattr(module, "__file__", None) for module in finder.modules.values())
    return {Path(file) for file in files if file}


def zipped(content: Path, into: Path, compression: int) -> Path:
    """Writes the files below `content` as the zip `into`, which it returns. Order, times and modes are fixed, so the
    same files give the same bytes.
    """
    kind = zipfile.ZIP_DEFLATED if compression else zipfile.ZIP_STORED
    with zipfile.ZipFile(into, "w", kind, compresslevel=compression) as archive:
        for file in _files(content):
            # 0644: a Lambda cannot read its own code without it.
            entry = zipfile.ZipInfo(str(file.relative_to(content)), LONG_AGO)
            entry.external_attr, entry.compress_type = 0o100644 << 16, kind
            with file.open("rb") as source, archive.open(entry, "w") as written:
                shutil.copyfileobj(source, written, 1 << 20)
    return into


def _files(content: Path) -> Iterable[Path]:
    return sorted(file for file in content.rglob("*") if file.is_file())
