"""Makes the class-data archive of Spark (`class_data`), in `make spark`.

Apart from `class_data`, which every Spark session imports: the sample files that it loads need the extra `local`.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.local.spark.class_data import ARCHIVED_AT_EXIT, size_file
from lakehouse_assets.sample_data.files import make_sample_data

SECONDS_TO_MAKE = 900


def make_archive(file: Path) -> str | None:
    """Writes the archive anew, from a load of sample files. Returns None, or why there is none: then there is no file,
    and Spark starts without.

    An archive comes by a rename when it is whole, so whoever starts Spark meanwhile has the old one or none.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        size_file(file).unlink(missing_ok=True)
        file.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{file.name}.incoming-", dir=file.parent) as folder:
            said = _load_sample_files(Path(folder), made := Path(folder, file.name))
            if not made.is_file():
                return said
            made.replace(file)
            size_file(file).write_text(f"{file.stat().st_size}\n")
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
