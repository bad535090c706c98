"""Which Java runs Spark. A laptop holds several and JAVA_HOME often names another one; on a wrong Java, Spark fails
late and says something else.

Java 17, no other: it is what Glue 6.0 runs, so a laptop that uses it sees what Glue will see.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.local.spark.java_package import System, advice, this_system

WANTED = 17
NAMED = "JAVA_HOME="
SECONDS_TO_ANSWER = 60
USUAL_PLACES = (
    "/usr/lib/jvm/*",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home",
    "/opt/homebrew/opt/openjdk@17/libexec/openjdk.jdk/Contents/Home",
    "/usr/local/opt/openjdk@17/libexec/openjdk.jdk/Contents/Home",
    "/home/linuxbrew/.linuxbrew/opt/openjdk@17/libexec",
    "~/.sdkman/candidates/java/*",
)
_log = logging.getLogger("lakehouse.spark")


@dataclass(frozen=True)
class Java:
    """One that was looked at. `version` is 8, 11, 17 and so on; None where nothing there answers as Java does."""

    place: str
    home: Path
    version: int | None

    def __str__(self) -> str:
        if self.version is None:
            return f"{self.place}: no Java that runs"
        if self.version == WANTED:
            return f"{self.place}: Java {self.version}"
        return f"{self.place}: Java {self.version}, too {'old' if self.version < WANTED else 'new'}"


@dataclass(frozen=True)
class Found:
    """What the search found: the Java 17 to use, if there is one, and those that were looked at before it."""

    chosen: Java | None
    passed_over: tuple[Java, ...]

    @property
    def named_in_vain(self) -> bool:
        """Whether JAVA_HOME names another Java than the chosen one."""
        return any(java.place.startswith(NAMED) for java in self.passed_over)

    def __str__(self) -> str:
        told = [str(java) for java in self.passed_over if self.chosen is None or java.place.startswith(NAMED)]
        said = f"Java {WANTED}: {self.chosen.home}" if self.chosen else f"Java {WANTED}: not found"
        return said + (f" (not used: {'; '.join(told)})" if told else "")


def java_home() -> Path:
    """The home of the Java 17 that Spark shall run on. Logs a warning where JAVA_HOME names another one. Raises as
    `required` does.
    """
    found = find_java()
    java = required(found)
    if found.named_in_vain:
        _log.warning("%s", found)
    return java.home


def required(found: Found, system: System | None = None) -> Java:
    """The Java 17 that was found. Raises BadConfiguration that names what was found instead, and the command that
    installs it on this system.
    """
    if found.chosen is None:
        raise BadConfiguration(f"{missing(found)} {advice(system or this_system())}")
    return found.chosen


def find_java(environment: Mapping[str, str] = os.environ, places: Sequence[str] = USUAL_PLACES) -> Found:
    """Asks each Java that JAVA_HOME, PATH and the usual places name for its version, up to the first that is 17."""
    passed_over: list[Java] = []
    asked: set[Path] = set()
    for place, executable in _candidates(environment, places):
        if executable.resolve() in asked:
            continue
        asked.add(executable.resolve())
        java = _ask(place, executable)
        if java.version == WANTED:
            return Found(java, tuple(passed_over))
        passed_over.append(java)
    return Found(None, tuple(passed_over))


def missing(found: Found) -> str:
    """Why Spark cannot run here, as the beginning of a message."""
    there = (
        f"there is {'; '.join(map(str, found.passed_over))}" if found.passed_over else "there is no Java here at all"
    )
    return f"Spark needs Java {WANTED}, and {there}."


def _candidates(environment: Mapping[str, str], places: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Each place as a person would name it, and the executable there."""
    if named := environment.get("JAVA_HOME"):
        yield f"{NAMED}{named}", Path(named, "bin", "java")
    if on_path := shutil.which("java", path=environment.get("PATH", "")):
        yield on_path, Path(on_path)
    for place in places:
        pattern = place.replace("~", environment.get("HOME", "~"), 1)
        for home in sorted(Path("/").glob(pattern.lstrip("/"))):
            if (home / "bin" / "java").is_file():
                yield str(home), home / "bin" / "java"


def _ask(place: str, executable: Path) -> Java:
    """The home comes from Java itself: what PATH names may be a script or a link that stands somewhere else."""
    command = [str(executable), "-XshowSettings:properties", "-version"]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, timeout=SECONDS_TO_ANSWER
        )
    except (OSError, subprocess.TimeoutExpired):
        return Java(place, executable, None)
    version = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    home = re.search(r"java\.home = (.+)", answer.stderr)
    if version is None or answer.returncode:
        return Java(place, executable, None)
    return Java(place, Path(home[1].strip()) if home else executable.resolve().parents[1], int(version[1]))
