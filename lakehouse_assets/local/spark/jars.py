"""Spark's jars, pinned like the Python packages: `jars.lock` names each with its SHA-256, and no other is installed.

They are installed in the venv, because they belong to the version of pyspark there. Each is compared with the lock and
then moved into place by one rename. So if set-up is killed, each jar is either missing or complete, and the next run
installs the rest.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.local.spark import ivy
from lakehouse_assets.locks import locked

LOCK = Path(__file__).with_name("jars.lock")


@dataclass(frozen=True, order=True)
class Jar:
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    def __str__(self) -> str:
        return f"{self.sha256}  {self.group}:{self.artifact}:{self.version}  {self.size}"


def jars_folder() -> Path:
    """The folder of this Python environment's jars. `make clean` removes it with the rest of the venv."""
    return Path(sys.prefix, "share", "lakehouse-assets", "spark-jars")


def installed_jars(lock: Path = LOCK, folder: Path | None = None) -> list[Path]:
    """The files of the locked jars, for `spark.jars`. Raises BadConfiguration if one is missing or has another size."""
    folder = folder or jars_folder()
    jars = read_lock(lock)
    absent = [jar.name for jar in jars if not _has_size(folder / jar.name, jar.size)]
    if absent:
        others = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise BadConfiguration(
            f"Spark's jars are not installed ({absent[0]}{others} missing from {folder}): run `make spark`."
        )
    return [folder / jar.name for jar in jars]


def install_jars(lock: Path = LOCK, folder: Path | None = None) -> list[Jar]:
    """Downloads the locked jars that are missing, and removes jars that are not in the lock.

    Returns the jars that were downloaded. Raises BadConfiguration if a downloaded jar differs from the lock (it is not
    installed), and TemporaryOutage if one cannot be downloaded. If it is killed, run it again.
    """
    folder = folder or jars_folder()
    jars = read_lock(lock)
    with alone(folder) as scratch:
        wanted = [jar for jar in jars if not _is(folder / jar.name, jar)]
        if wanted:
            ivy.download([(jar.group, jar.artifact, jar.version) for jar in wanted], scratch / "jars", scratch)
        downloaded = [scratch / "jars" / jar.group / jar.artifact / f"{jar.version}.jar" for jar in wanted]
        for jar, file in zip(wanted, downloaded, strict=True):
            verify(jar, file)
        for jar, file in zip(wanted, downloaded, strict=True):
            file.replace(folder / jar.name)
        for file in set(folder.glob("*.jar")) - {folder / jar.name for jar in jars}:
            file.unlink()
    return wanted


def lock_jars(lock: Path = LOCK, roots: Path = ivy.ROOTS, folder: Path | None = None) -> list[Jar]:
    """Resolves the dependencies of `roots` and writes the lock. Raises TemporaryOutage if the repository does not
    answer.
    """
    with alone(folder or jars_folder()) as scratch:
        ivy.resolve(roots, scratch / "jars", scratch)
        files = (scratch / "jars").glob("*/*/*.jar")
        jars = sorted(
            Jar(file.parts[-3], file.parts[-2], file.stem, _sha256(file), file.stat().st_size) for file in files
        )
    lock.write_text("".join(f"{jar}\n" for jar in jars))
    return jars


def read_lock(lock: Path = LOCK) -> list[Jar]:
    """The jars of a lock file, in its order. Raises BadConfiguration that names a line in another format."""
    return [_parsed(lock, number, line) for number, line in enumerate(lock.read_text().splitlines(), 1)]


def megabytes(jars: list[Jar]) -> str:
    return f"{sum(jar.size for jar in jars) / 1e6:.0f} MB"


def _parsed(lock: Path, number: int, line: str) -> Jar:
    try:
        sha256, coordinates, size = line.split()
        group, artifact, version = coordinates.split(":")
        return Jar(group, artifact, version, sha256, int(size))
    except ValueError:
        raise BadConfiguration(
            f"{lock}, line {number} is not `sha256  group:artifact:version  size`: {line!r}. Run `make lock`."
        ) from None


def verify(jar: Jar, file: Path) -> None:
    """Raises BadConfiguration if the file is not the locked jar."""
    if not _is(file, jar):
        found = f"has SHA-256 {_sha256(file)}, {file.stat().st_size} bytes" if file.is_file() else "is missing"
        raise BadConfiguration(
            f"The downloaded file of {jar.group}:{jar.artifact}:{jar.version} {found}; the lock says"
            f" {jar.sha256}, {jar.size} bytes. It was not installed. A proxy may change files on the way, or"
            f" {ivy.MIRROR} is set to a repository with other jars."
        )


def _is(file: Path, jar: Jar) -> bool:
    return _has_size(file, jar.size) and _sha256(file) == jar.sha256


def _has_size(file: Path, size: int) -> bool:
    return file.is_file() and file.stat().st_size == size


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


@contextmanager
def alone(folder: Path) -> Iterator[Path]:
    """An empty folder for downloads, on the same disk as the jars, so that they can be renamed into place. A second
    set-up waits for the first.

    Removes the folder of a set-up that was killed. The new folder has a new name, because the killed set-up's Java may
    still write to the old one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(f"{folder.name}.setting-up")):
        prefix = f"{folder.name}.incoming-"
        for left in folder.parent.glob(f"{prefix}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as scratch:
            yield Path(scratch)
