"""`lakehouse doctor`: is everything there that a lakehouse needs? Each finding comes with what to do."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lakehouse_assets.cli.findings import MARKS, Finding
from lakehouse_assets.cli.home import unusable
from lakehouse_assets.cli.terminal.ending import ROOM_TO_WORK, TIMES_THE_FILES, existing
from lakehouse_assets.cli.terminal.errors import FAILED, visible
from lakehouse_assets.errors import LakehouseError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

    from lakehouse_assets.settings import Settings

DISTRIBUTION = "lakehouse-assets"
PYTHONS = ((3, 11), (3, 14))
READ_ELSEWHERE = {"LAKEHOUSE_MAVEN_MIRROR"}
"""Variables that are no settings."""
SCARCE_DISK = 5 << 30


def doctor() -> None:
    """Check versions, port, disk, home and credentials, and say what to do. Exit code 1 if something is broken."""
    from lakehouse_assets.cli.terminal.console import stdout

    console = stdout()
    findings = list(examined())
    for finding in findings:
        mark, style = MARKS[finding.state]
        console.print(
            f"{mark if console.is_terminal else finding.state:<{2 if console.is_terminal else 7}}", style=style, end=""
        )
        console.print(visible(finding.what, keep_lines=True), soft_wrap=True)
        if finding.to_do:
            console.print(f"{'':{2 if console.is_terminal else 7}}-> {finding.to_do}", soft_wrap=True)
    broken = sum(finding.state == "broken" for finding in findings)
    console.print()
    console.print(
        (
            f"{broken} of {len(findings)} checks found something broken."
            if broken
            else "Everything that is needed is there."
        ),
        style="bold",
    )
    if broken:
        raise typer.Exit(FAILED)


def examined() -> Iterator[Finding]:
    yield _python()
    yield from _packages()
    settings = None
    try:
        settings, found = _settings()
        yield found
    except LakehouseError as error:
        yield Finding("broken", str(error), "Correct what is named there.")
    if settings is not None:
        home = settings.home.expanduser().absolute()
        yield _writable(home)
        yield _disk(home)
        yield _memory(settings.memory_mb)
        yield from _aws(settings, home)
    yield from _spark(settings)
    yield from _unknown_variables()


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]:
        return Finding("fine", f"Python {version}")
    return Finding(
        "broken",
        f"Python {version}: 3.11 to 3.13 is needed",
        "Install one of these, then run: make PYTHON=/path/to/python3.12 setup",
    )


def _packages() -> Iterator[Finding]:
    from importlib.metadata import version

    # The embedded AWS and Dagster's UI are needed unless an AWS account is used.
    wanted = _requirements("" if os.environ.get("LAKEHOUSE_AWS") == "account" else "local")
    wrong = _wrong(wanted)
    if wrong:
        yield Finding("broken", f"Packages: {'; '.join(wrong)}", "Run: make setup")
    else:
        yield Finding(
            "fine",
            f"{DISTRIBUTION} {version(DISTRIBUTION)} and its {len(wanted)} packages, in the versions it was tested"
            " with",
        )


def _requirements(extra: str) -> list[Requirement]:
    """What our distribution requires with this extra."""
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    wanted = [Requirement(text) for text in requires(DISTRIBUTION) or []]
    return [
        requirement
        for requirement in wanted
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra})
    ]


def _wrong(wanted: list[Requirement]) -> list[str]:
    """Which of these are missing or there in another version."""
    from importlib.metadata import PackageNotFoundError, version

    wrong = []
    for requirement in wanted:
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} is {found}, not {requirement.specifier}")
    return wrong


def _settings() -> tuple[Settings, Finding]:
    from lakehouse_assets.contracts import read_contracts
    from lakehouse_assets.etl.plan.trial import try_plans
    from lakehouse_assets.settings import read_settings

    settings = read_settings()
    contracts = read_contracts(settings.contracts)
    try_plans(contracts.values())
    return settings, Finding("fine", f"Settings, and the contracts of {', '.join(contracts)} ({settings.contracts})")


def _writable(home: Path) -> Finding:
    from lakehouse_assets.locks import locked

    if wrong := unusable(home):
        return Finding("broken", f"The home {home} cannot be used: {wrong}", "Set LAKEHOUSE_HOME to another folder.")
    folder = existing(home)
    probe = folder / f".lakehouse-doctor-{os.getpid()}"
    try:
        with locked(probe):
            pass
        probe.unlink()
    except OSError as error:
        return Finding(
            "broken",
            f"The home {home} cannot be written and locked: {error.strerror}",
            "Set LAKEHOUSE_HOME to a folder of yours on a local disk.",
        )
    return Finding("fine", f"The home {home} can be written{'' if folder == home else ' (it is not there yet)'}")


def _disk(home: Path) -> Finding:
    free = shutil.disk_usage(existing(home)).free
    said = f"Disk: {free / (1 << 30):,.1f} GiB free for {home}"
    if free < ROOM_TO_WORK:
        return Finding("broken", said, "Free some space, or set LAKEHOUSE_HOME to a folder on another disk.")
    if free < SCARCE_DISK:
        return Finding(
            "look", said, f"Enough to begin with: a batch takes about {TIMES_THE_FILES} times the size of its files."
        )
    return Finding("fine", said)


def _memory(setting_mb: int) -> Finding:
    total_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    said = f"Memory: {total_mb:,} MiB, of which the engine may take {setting_mb:,}"
    if setting_mb > total_mb * 0.8:
        return Finding(
            "look", said, "Set LAKEHOUSE_MEMORY_MB to about half of the memory: past it the engine spills to disk."
        )
    return Finding("fine", said)


def _aws(settings: Settings, home: Path) -> Iterator[Finding]:
    if settings.aws == "account":
        from lakehouse_assets.cli.commands.doctor_account import examined_account
        from lakehouse_assets.connect import connected

        with connected(settings) as lakehouse:
            yield from examined_account(lakehouse)
        return
    from lakehouse_assets.cli.commands.up import running_url
    from lakehouse_assets.embedded_aws.process import running

    yield _free_port()
    aws, url = running(home), running_url(home)
    yield Finding(
        "fine",
        f"Embedded AWS: {f'runs at {aws.endpoint}' if aws else 'does not run; a command that needs it starts it'}",
    )
    yield Finding("fine", f"Dagster's UI: {f'runs at {url}' if url else 'does not run; lakehouse up starts it'}")
    yield Finding("fine", "Credentials: the embedded AWS has its own; lakehouse env prints them while it runs")


def _free_port() -> Finding:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return Finding("fine", f"Ports: one is free on 127.0.0.1 (such as {server.getsockname()[1]})")
    except OSError as error:
        return Finding(
            "broken",
            f"Ports: none can be opened on 127.0.0.1 ({error.strerror})",
            "Allow this program to listen on the loopback interface.",
        )


def _spark(settings: Settings | None) -> Iterator[Finding]:
    """What Spark needs. Where the engine runs no Spark on this machine, whatever is missing is told and is fine."""
    from lakehouse_assets.local.spark.jars import installed_jars, jars_folder
    from lakehouse_assets.local.spark.java import find_java
    from lakehouse_assets.local.spark.java_package import advice, this_system

    engine = settings.chosen_engine if settings else "embedded"
    here = engine == "spark" or (settings is not None and settings.aws == "embedded" and engine in ("glue", "auto"))
    aside, absent = ("", "broken") if here else (f" (not needed by the {engine} engine)", "fine")

    java = find_java()
    yield (
        Finding("fine", f"{java}{aside}")
        if java.chosen
        else Finding(absent, f"{java}{aside}", advice(this_system()) if here else "")
    )
    packages = [requirement for requirement in _requirements("spark") if requirement.marker is not None]
    if wrong := _wrong(packages):
        yield Finding(absent, f"Spark: {'; '.join(wrong)}{aside}", "Run: make spark" if here else "")
    else:
        yield Finding(
            "fine",
            "Spark:"
            f" {', '.join(f'{package.name} {package.specifier}'.replace('==', '') for package in packages)}{aside}",
        )
    try:
        yield Finding("fine", f"Spark's jars: {len(installed_jars())} in {jars_folder()}{aside}")
    except LakehouseError as error:
        yield Finding(
            absent,
            f"{error}{aside}" if here else f"Spark's jars: not installed{aside}",
            "Run: make spark" if here else "",
        )


def _unknown_variables() -> Iterator[Finding]:
    """One that is misspelt is left alone without a word. A DEPLOY_… may be another program's: it counts where it is
    like one of ours.
    """
    from difflib import get_close_matches

    from lakehouse_assets.settings import Settings

    known = {f"LAKEHOUSE_{name.upper()}" for name in Settings.model_fields} | READ_ELSEWHERE | _of_a_deployment()
    for name in sorted(os.environ):
        prefix, _, rest = name.upper().partition("_")
        if prefix not in ("LAKEHOUSE", "DEPLOY") or name.upper() in known:
            continue
        ours = [each.removeprefix(f"{prefix}_") for each in known if each.startswith(f"{prefix}_")]
        if close := get_close_matches(rest, ours, 1, 0.7):
            yield Finding("look", f"Nothing reads the variable {name}", f"Is {prefix}_{close[0]} meant?")
        elif prefix == "LAKEHOUSE":
            yield Finding(
                "look", f"Nothing reads the variable {name}", "docs/reference/settings.md has those that are read."
            )


def _of_a_deployment() -> set[str]:
    """The variables DEPLOY_… that are read; none in an installed package, which has no aws_deploy/."""
    try:
        from aws_deploy.settings import Deployment
    except ModuleNotFoundError:
        return set()
    return {f"DEPLOY_{name.upper()}" for name in Deployment.model_fields}
