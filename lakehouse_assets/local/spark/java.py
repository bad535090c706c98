"""Finds the Java that runs Spark. A laptop often has several, and JAVA_HOME often names another one. With a wrong Java,
Spark fails late, and with an unrelated message.

Only Java 17: Glue 6.0 runs it, so a laptop behaves like Glue.
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
    """A candidate. `place`: as a person would name it. `version`: 8, 11, 17 and so on; None if it does not run."""

    place: str
    home: Path
    version: int | None

    def __str__(self) -> str:
        if self.version is None:
            return f"{self.place}: no working Java"
        if self.version == WANTED:
            return f"{self.place}: Java {self.version}"
        return f"{self.place}: Java {self.version}, too {'old' if self.version < WANTED else 'new'}"


@dataclass(frozen=True)
class Found:
    """The result of the search: the Java 17 to use, if there is one, and the candidates before it."""

    chosen: Java | None
    passed_over: tuple[Java, ...]

    @property
    def ignores_java_home(self) -> bool:
        """Whether JAVA_HOME names another Java than the chosen one."""
        return any(java.place.startswith(NAMED) for java in self.passed_over)

    def __str__(self) -> str:
        unused = [str(java) for java in self.passed_over if self.chosen is None or java.place.startswith(NAMED)]
        result = f"Java {WANTED}: {self.chosen.home}" if self.chosen else f"Java {WANTED}: not found"
        return result + (f" (not used: {'; '.join(unused)})" if unused else "")


def java_home() -> Path:
    """The home of the Java 17 for Spark. Logs a warning if JAVA_HOME names another Java. Raises BadConfiguration like
    `required`.
    """
    found = find_java()
    java = required(found)
    if found.ignores_java_home:
        _log.warning("%s", found)
    return java.home


def required(found: Found, system: System | None = None) -> Java:
    """The Java 17 that was found. Raises BadConfiguration with the candidates that were found instead, and the command
    that installs Java 17 on this system.
    """
    if found.chosen is None:
        raise BadConfiguration(f"{missing(found)} {advice(system or this_system())}")
    return found.chosen


def find_java(environment: Mapping[str, str] = os.environ, places: Sequence[str] = USUAL_PLACES) -> Found:
    """Looks for Java 17 in JAVA_HOME, PATH and the usual places, by asking each Java for its version."""
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
    """Why Spark cannot run here: the first sentence of a message."""
    there = (
        f"there is {'; '.join(map(str, found.passed_over))}" if found.passed_over else "there is no Java here at all"
    )
    return f"Spark needs Java {WANTED}, and {there}."


def _candidates(environment: Mapping[str, str], places: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Each candidate: its place, as a person would name it, and its executable."""
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
    """Asks a Java for its version and home. (The executable on PATH may be a script or a link to another folder.)"""
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
