"""The exact command that installs Java 17 on this system, so that nobody has to look up the name of the package."""

from __future__ import annotations

import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

APT_GET = "apt-get update && {sudo}apt-get install --yes --no-install-recommends openjdk-17-jre-headless"
APT_SOURCES = {"debian.sources": "etc/apt/sources.list.d/debian.sources", "debian.list": "etc/apt/sources.list"}
IN_OTHER_WORDS = (
    "Install a Java 17 (the Adoptium project's Eclipse Temurin 17 has builds for every system) and set JAVA_HOME to its"
    " folder."
)


@dataclass(frozen=True)
class System:
    """The facts that decide the command. `names`: the distribution and those it is derived from, such as ubuntu,
    debian. `release`: its major version. `apt_sources`: the name of the file with apt's sources, or empty.
    """

    names: tuple[str, ...]
    release: int
    is_root: bool
    is_container: bool
    apt_sources: str

    @property
    def may_be_changed(self) -> bool:
        """Whether set-up may install a package without asking: as root in a container with apt-get."""
        return self.is_root and self.is_container and bool({"debian", "ubuntu"} & set(self.names))


def this_system(root: Path = Path("/"), platform: str = sys.platform, user: int | None = None) -> System:
    """The system whose files are below `root`. Missing files are allowed."""
    described = _os_release(root / "etc/os-release")
    return System(
        names=("macos",) if platform == "darwin" else (described.get("ID", ""), *described.get("ID_LIKE", "").split()),
        release=int(re.match(r"\d*", described.get("VERSION_ID", ""))[0] or 0),  # type: ignore[index] # matches any text
        is_root=(os.geteuid() if user is None else user) == 0,
        is_container=_is_container(root),
        apt_sources=next((name for name, path in APT_SOURCES.items() if (root / path).is_file()), ""),
    )


def install_command(system: System) -> str | None:
    """The shell command that installs Java 17 on the system; None if none is known."""
    command = _command(system)
    return command and command.format(sudo="" if system.is_root else "sudo ")


def advice(system: System) -> str:
    """What to install, with the command if one is known: the last sentence of a message."""
    command = install_command(system)
    return f"Install it: {command}" if command else IN_OTHER_WORDS


def _command(system: System) -> str | None:
    match system.names[0]:
        case "macos":
            return "brew install openjdk@17"
        case "alpine":
            return "{sudo}apk add openjdk17-jre-headless bash"
        case "amzn":
            return "{sudo}dnf install --assumeyes java-17-amazon-corretto-headless"
        case "fedora" if system.release >= 42:
            # Fedora 42 replaced its package by Eclipse Temurin's, and ships that repository disabled.
            return (
                "{sudo}dnf install --assumeyes adoptium-temurin-java-repository && {sudo}dnf install --assumeyes"
                " --enablerepo='adoptium*' temurin-17-jre"
            )
        case "fedora":
            return "{sudo}dnf install --assumeyes java-17-openjdk-headless"
    if "ubuntu" in system.names or ("debian" in system.names and 11 <= system.release <= 12):
        return "{sudo}" + APT_GET
    if "debian" in system.names and system.release == 13 and system.apt_sources:
        return _from_debian_12(system.apt_sources)
    if {"rhel", "centos", "ol"} & set(system.names) and 8 <= system.release <= 9:
        return "{sudo}dnf install --assumeyes java-17-openjdk-headless"
    return None


def _from_debian_12(sources: str) -> str:
    """The command for Debian 13, which has only Java 21 and 25: adds Debian 12, which has Java 17, as a source. apt-get
    takes from Debian 12 only what Debian 13 does not have.

    Checked with the package lists of both (November 2026): no installed package is removed or downgraded.
    """
    there, copy = Path("/") / APT_SOURCES[sources], f"/etc/apt/sources.list.d/bookworm.{sources.partition('.')[2]}"
    return f"sed s/trixie/bookworm/g {there} | {{sudo}}tee {copy} >/dev/null && {{sudo}}{APT_GET}"


def _os_release(path: Path) -> dict[str, str]:
    lines = path.read_text(errors="replace").splitlines() if path.is_file() else []
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name: " ".join(shlex.split(value)) for name, _, value in pairs}


def _is_container(root: Path) -> bool:
    if (root / ".dockerenv").exists() or (root / "run/.containerenv").exists():
        return True
    groups = root / "proc/1/cgroup"
    return (
        groups.is_file()
        and re.search(r"docker|containerd|kubepods|libpod|lxc", groups.read_text(errors="replace")) is not None
    )
