"""The steps of `make spark`, each said before it is done: `java` (find or install Java 17), `jars` (download them),
`classes` (archive their classes, so that they start quicker), `lock` (resolve them anew).

`log-store` compiles Spark's log store anew.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from lakehouse_assets.errors import LakehouseError, TemporaryOutage
from lakehouse_assets.local.spark.java import USUAL_PLACES, find_java, missing, required
from lakehouse_assets.local.spark.java_package import System, install_command, this_system


def set_up_java(environment: Mapping[str, str], places: Sequence[str], system: System) -> None:
    """Says which Java 17 Spark will run on; installs one first where there is none and the system is a container that
    we own.

    Raises BadConfiguration with the command to run where there is none and we may not, TemporaryOutage if the command
    fails.
    """
    found = find_java(environment, places)
    command = install_command(system)
    if found.chosen is None and command and system.may_be_changed:
        print(
            f"{missing(found)} This is a container and you are root in it, so it is installed now:\n  {command}",
            flush=True,
        )
        _run(command, environment)
        found = find_java(environment, places)
    required(found, system)
    print(found, flush=True)


def _run(command: str, environment: Mapping[str, str]) -> None:
    unattended = {**environment, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["/bin/sh", "-c", command], check=False, stdout=subprocess.DEVNULL, env=unattended)
    if done.returncode:
        raise TemporaryOutage(
            f"Java 17 could not be installed: the command above ended with exit code {done.returncode}. Correct what it"
            " says, then run this again."
        )


def _jars() -> None:
    from lakehouse_assets.local.spark.jars import install_jars, jars_folder, megabytes, read_lock

    jars = read_lock()
    print(f"Spark's jars ({len(jars)}, {megabytes(jars)}) -> {jars_folder()} ...", flush=True)
    downloaded = install_jars()
    print(
        f"{len(downloaded)} were downloaded and have the locked SHA-256; {len(jars) - len(downloaded)} were there"
        " already.",
        flush=True,
    )


def _classes() -> None:
    from lakehouse_assets.local.spark.class_archive import make_archive
    from lakehouse_assets.local.spark.class_data import archive_file

    print("Archiving Spark's classes, which makes each start quicker (one to two minutes) ...", flush=True)
    if why := make_archive(archive_file()):
        print(f"There is no archive, and Spark starts without it: {why}", flush=True)


def _lock() -> None:
    from lakehouse_assets.local.spark.jars import LOCK, lock_jars, megabytes

    print("Resolving Spark's jars anew (one to two minutes) ...", flush=True)
    jars = lock_jars()
    print(f"{len(jars)} jars, {megabytes(jars)} -> {LOCK}")


def _log_store() -> None:
    from lakehouse_assets.local.spark.log_store import make_log_store

    print(f"The log store was compiled -> {make_log_store()}")


STEPS = {
    "java": lambda: set_up_java(os.environ, USUAL_PLACES, this_system()),
    "jars": _jars,
    "classes": _classes,
    "lock": _lock,
    "log-store": _log_store,
}

if __name__ == "__main__":
    try:
        STEPS[sys.argv[1]]()
    except LakehouseError as error:
        sys.exit(str(error))
