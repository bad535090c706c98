"""A class-data archive of Spark: its classes as a JVM has them after it loaded and verified them, in a file that later
JVMs map into their memory.

Measured on 2 cores, for a process that loads a row into each of three tables: 69 CPU seconds of the JVM without the
archive, 55 with it; 39 and 31 with -XX:TieredStopAtLevel=1.

The JVM itself compares the archive with what it runs (its own build; each jar of the class path by name, size and time)
and does without where anything differs: https://docs.oracle.com/en/java/javase/17/docs/specs/man/java.html
(Application Class Data Sharing). It takes jars of the class path only, and no directory may be on that.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.sample_data.files import make_sample_data

ARCHIVED_AT_EXIT = "CLASS_DATA_OF_SPARK_AT_EXIT"
"""Names the file that a Spark writes its archive to when it ends. Set by `make_archive` alone, for what it starts."""
SECONDS_TO_MAKE = 900
QUIET = "-Xlog:cds=off,cds+dynamic=off"
"""A JVM that does without the archive says so on its standard output, which may be a program's."""


def archive_file() -> Path:
    """Beside Spark's jars, in the venv: `make clean` removes it."""
    return Path(sys.prefix, "share", "lakehouse-assets", "spark-classes.jsa")


def is_whole(file: Path) -> bool:
    """Whether an archive is there, with the size that was noted when it was made. Java 17.0.15 dies (SIGBUS) of an
    archive that was cut off."""
    try:
        return file.stat().st_size == int(_noted_size(file).read_text())
    except (OSError, ValueError):
        return False


def _noted_size(file: Path) -> Path:
    return file.with_suffix(".size")


def with_class_data(configuration: dict[str, str]) -> dict[str, str]:
    """The configuration of a session that uses the archive, if there is a whole one."""
    if target := os.environ.get(ARCHIVED_AT_EXIT):
        added = f'"-XX:ArchiveClassesAtExit={target}" -XX:TieredStopAtLevel=1 {QUIET}'
    elif is_whole(file := archive_file()):
        added = f'"-XX:SharedArchiveFile={file}" {QUIET}'
    else:
        return configuration
    options = "spark.driver.extraJavaOptions"
    return configuration | {options: f"{configuration[options]} {added}"}


def make_archive(file: Path) -> str | None:
    """Writes the archive anew, from a load of sample files. Returns None, or why there is none: then there is no file,
    and Spark starts without.

    An archive comes by a rename when it is whole, so whoever starts Spark meanwhile has the old one or none.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _noted_size(file).unlink(missing_ok=True)
        file.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{file.name}.incoming-", dir=file.parent) as folder:
            said = _load_sample_files(Path(folder), made := Path(folder, file.name))
            if not made.is_file():
                return said
            made.replace(file)
            _noted_size(file).write_text(f"{file.stat().st_size}\n")
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None


def _load_sample_files(folder: Path, made: Path) -> str:
    """Returns what it printed last."""
    sample = make_sample_data(folder / "sample", read_contracts())
    others = {name: value for name, value in os.environ.items() if not name.startswith(("LAKEHOUSE_", "DAGSTER_"))}
    ended = subprocess.run(
        [sys.executable, "-m", __name__, "load", "--engine", "spark", str(sample.first)],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=folder,
        env=others | {"LAKEHOUSE_HOME": str(folder / "home"), ARCHIVED_AT_EXIT: str(made)},
        timeout=SECONDS_TO_MAKE,
    )
    return ended.stdout.strip().rpartition("\n")[2] or f"Spark ended with exit code {ended.returncode}"


def _main() -> None:
    """A command line of `lakehouse`, and then a wait for the JVM that it started: it archives when it ends."""
    from pyspark import SparkContext  # noqa: PLC0415 - an archive is made only where the spark extra is

    try:
        runpy.run_module("lakehouse_assets.cli.main", run_name="__main__", alter_sys=True)
    finally:
        if gateway := SparkContext._gateway:
            gateway.proc.stdin.close()
            gateway.proc.wait()


if __name__ == "__main__":
    _main()
