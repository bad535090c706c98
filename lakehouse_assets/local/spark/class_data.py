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
import sys
from pathlib import Path

ARCHIVED_AT_EXIT = "CLASS_DATA_OF_SPARK_AT_EXIT"
"""Names the file that a Spark writes its archive to when it ends. Set by `class_archive` alone, for what it starts."""
QUIET = "-Xlog:cds=off,cds+dynamic=off"
"""A JVM that does without the archive says so on its standard output, which may be a program's."""


def archive_file() -> Path:
    """Beside Spark's jars, in the venv: `make clean` removes it."""
    return Path(sys.prefix, "share", "lakehouse-assets", "spark-classes.jsa")


def is_whole(file: Path) -> bool:
    """Whether an archive is there, with the size that was noted when it was made. Java 17.0.15 dies (SIGBUS) of an
    archive that was cut off."""
    try:
        return file.stat().st_size == int(size_file(file).read_text())
    except (OSError, ValueError):
        return False


def size_file(file: Path) -> Path:
    """Where the size of a whole archive is noted."""
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
