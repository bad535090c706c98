"""Scripts that answer `java -version` like a Java of any version: real processes, because no machine has all
versions.
"""

from __future__ import annotations

from pathlib import Path

ANSWERS = {
    8: 'openjdk version "1.8.0_392"',
    11: 'openjdk version "11.0.21" 2023-10-17',
    17: 'openjdk version "17.0.9" 2023-10-17',
    25: 'openjdk version "25" 2025-09-16',
}


def java(home: Path, version: int) -> Path:
    """Creates a home with a `bin/java` of this version. Returns the home."""
    return scripted(home, f"echo '    java.home = {home}' >&2\necho '{ANSWERS[version]}' >&2")


def scripted(home: Path, script: str) -> Path:
    """Creates a home whose `bin/java` is this shell script. Returns the home."""
    executable = home / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!/bin/sh\n{script}\n")
    executable.chmod(0o755)
    return home
