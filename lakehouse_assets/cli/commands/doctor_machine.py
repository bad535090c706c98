"""What `lakehouse doctor` checks on this machine: settings, home, disk, memory, ports, Spark, environment variables."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from lakehouse_assets.cli.commands.doctor_account import examined_account
from lakehouse_assets.cli.commands.up import running_url
from lakehouse_assets.cli.findings import Finding, State, error, ok, warning
from lakehouse_assets.cli.home import absolute, unusable
from lakehouse_assets.cli.packages import faults, install_command, required_by
from lakehouse_assets.cli.terminal.ending import ROOM_TO_WORK, TIMES_THE_FILES, existing
from lakehouse_assets.connect import connected
from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.embedded_aws.process import running
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.etl.engines.embedded import EmbeddedEngine
from lakehouse_assets.etl.trial import try_plans
from lakehouse_assets.local.spark.jars import installed_jars, jars_folder
from lakehouse_assets.local.spark.java import find_java
from lakehouse_assets.local.spark.java_package import advice, this_system
from lakehouse_assets.locks import locked
from lakehouse_assets.settings import Settings, read_settings

READ_ELSEWHERE = {"LAKEHOUSE_MAVEN_MIRROR"}
"""Variables of ours that are not settings."""
SCARCE_DISK = 5 << 30


def examined_machine() -> Iterator[Finding]:
    """The findings, in the order of the checks. Without valid settings only Spark and the variables are examined."""
    settings = None
    try:
        settings, found = _settings()
        yield found
    except LakehouseError as fault:
        yield error(str(fault), "Correct what is named there.")
    if settings is not None:
        home = absolute(settings.home)
        yield _writable(home)
        yield _disk(home)
        yield _memory(settings.memory_mb)
        yield from _aws(settings, home)
    yield from _spark(settings)
    yield from _unknown_variables()


def _settings() -> tuple[Settings, Finding]:
    settings = read_settings()
    contracts = read_contracts(settings.contracts)
    try_plans(contracts.values(), [EmbeddedEngine(settings.home)])
    return settings, ok(f"Settings, and the contracts of {', '.join(contracts)} ({settings.contracts})")


def _writable(home: Path) -> Finding:
    if wrong := unusable(home):
        return error(f"The home {home} cannot be used: {wrong}", "Set LAKEHOUSE_HOME to another folder.")
    folder = existing(home)
    probe = folder / f".lakehouse-doctor-{os.getpid()}"
    try:
        with locked(probe):
            pass
        probe.unlink()
    except OSError as fault:
        return error(
            f"The home {home} cannot be written and locked: {fault.strerror}",
            "Set LAKEHOUSE_HOME to a folder of yours on a local disk.",
        )
    return ok(f"The home {home} can be written{'' if folder == home else ' (does not exist yet)'}")


def _disk(home: Path) -> Finding:
    free = shutil.disk_usage(existing(home)).free
    what = f"Disk: {free / (1 << 30):,.1f} GiB free for {home}"
    if free < ROOM_TO_WORK:
        return error(what, "Free some space, or set LAKEHOUSE_HOME to a folder on another disk.")
    if free < SCARCE_DISK:
        return warning(what, f"Keep free space: a batch takes about {TIMES_THE_FILES} times the size of its files.")
    return ok(what)


def _memory(setting_mb: int) -> Finding:
    total_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    what = f"Memory: {total_mb:,} MiB, of which the engine may use {setting_mb:,} MiB"
    if setting_mb > total_mb * 0.8:
        return warning(
            what, "Set LAKEHOUSE_MEMORY_MB to about half of the memory. Above its limit the engine spills to disk."
        )
    return ok(what)


def _aws(settings: Settings, home: Path) -> Iterator[Finding]:
    if settings.aws == "account":
        with connected(settings) as lakehouse:
            yield from examined_account(lakehouse)
        return
    yield _free_port()
    aws, url = running(home), running_url(home)
    yield ok(f"Embedded AWS: {f'running at {aws.endpoint}' if aws else 'not running (starts on demand)'}")
    yield ok(f"Dagster's UI: {f'running at {url}' if url else 'not running (lakehouse up starts it)'}")
    yield ok("Credentials: the embedded AWS has its own (lakehouse env prints them while it runs)")


def _free_port() -> Finding:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return ok(f"Ports: 127.0.0.1 has free ones ({server.getsockname()[1]}, for example)")
    except OSError as fault:
        return error(
            f"Ports: none can be opened on 127.0.0.1 ({fault.strerror})",
            "Allow this program to listen on the loopback interface.",
        )


def _spark(settings: Settings | None) -> Iterator[Finding]:
    """What Spark needs. If the engine does not run Spark on this machine, a missing part is not an error."""
    engine = settings.chosen_engine if settings else "embedded"
    here = engine == "spark" or (settings is not None and settings.aws == "embedded" and engine in ("glue", "auto"))
    aside = "" if here else f" (not needed by the {engine} engine)"

    def absent(what: str, to_do: str) -> Finding:
        return Finding(State.ERROR, what, to_do) if here else Finding(State.OK, f"{what}{aside}")

    java = find_java()
    yield ok(f"{java}{aside}") if java.chosen else absent(str(java), advice(this_system()))
    packages = required_by("spark")
    if wrong := faults(packages):
        yield absent(f"Spark: {'; '.join(wrong)}", f"Run: {install_command('spark')}")
    else:
        versions = (f"{package.name} {package.specifier}".replace("==", "") for package in packages)
        yield ok(f"Spark: {', '.join(versions)}{aside}")
    try:
        yield ok(f"Spark's jars: {len(installed_jars())} in {jars_folder()}{aside}")
    except LakehouseError as fault:
        yield absent(str(fault) if here else "Spark's jars: not installed", f"Run: {install_command('spark')}")


def _unknown_variables() -> Iterator[Finding]:
    """LAKEHOUSE_ variables that nothing reads: they are misspelt. A DEPLOY_ variable may be another program's, so it is
    reported only if it resembles one of ours.
    """
    known = {f"LAKEHOUSE_{name.upper()}" for name in Settings.model_fields} | READ_ELSEWHERE | _deployment_variables()
    for name in sorted(os.environ):
        prefix, _, rest = name.upper().partition("_")
        if prefix not in ("LAKEHOUSE", "DEPLOY") or name.upper() in known:
            continue
        ours = [each.removeprefix(f"{prefix}_") for each in known if each.startswith(f"{prefix}_")]
        if close := get_close_matches(rest, ours, 1, 0.7):
            yield warning(f"Nothing reads the variable {name}", f"Did you mean {prefix}_{close[0]}?")
        elif prefix == "LAKEHOUSE":
            yield warning(f"Nothing reads the variable {name}", "docs/reference/settings.md lists the settings.")


def _deployment_variables() -> set[str]:
    """The DEPLOY_ variables that a deployment reads; none without the source tree."""
    try:
        from aws_deploy.settings import Deployment  # noqa: PLC0415 - aws_deploy is not in the wheel
    except ModuleNotFoundError:
        return set()
    return {f"DEPLOY_{name.upper()}" for name in Deployment.model_fields}
