"""`lakehouse doctor`: is everything installed and configured that a lakehouse needs?

This module imports no package that may be missing: a missing package is a finding.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.metadata import version

import typer

from lakehouse_assets.cli.exit_codes import ExitCode
from lakehouse_assets.cli.findings import Finding, State, error, ok
from lakehouse_assets.cli.packages import DISTRIBUTION, faults, install_command, required
from lakehouse_assets.cli.terminal.console import stdout
from lakehouse_assets.cli.terminal.errors import visible

MARKS = {State.OK: ("✓", "green"), State.WARNING: ("!", "yellow"), State.ERROR: ("✗", "bold red")}
PYTHONS = ((3, 11), (3, 14))
"""The first that is supported, and the first that is not."""


def doctor() -> None:
    """Check this installation, and say what to do.

    Checks the versions of Python and of all packages, the settings and contracts, the home, disk, memory and ports,
    what Spark needs, and in an AWS account the credentials, the bucket and the catalog. Changes nothing. The exit code
    is 1 if a check finds an error.
    """
    console = stdout()
    indent = 2 if console.is_terminal else 9
    findings = list(examined())
    for finding in findings:
        mark, style = MARKS[finding.state]
        console.print(f"{mark if console.is_terminal else finding.state:<{indent}}", style=style, end="")
        console.print(visible(finding.what, keep_lines=True), soft_wrap=True)
        if finding.to_do:
            console.print(f"{'':{indent}}-> {finding.to_do}", soft_wrap=True)
    errors = sum(finding.state is State.ERROR for finding in findings)
    console.print()
    console.print(f"{errors} of {len(findings)} checks found an error." if errors else "No errors.", style="bold")
    if errors:
        raise typer.Exit(ExitCode.FAILED)


def examined() -> Iterator[Finding]:
    """The findings, in the order of the checks."""
    yield _python()
    yield _packages()
    try:
        from lakehouse_assets.cli.commands.doctor_machine import examined_machine  # noqa: PLC0415 - see above
    except ModuleNotFoundError as missing:
        yield error(f"The other checks need the package {missing.name}", f"Run: {install_command('local')}")
        return
    yield from examined_machine()


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]:
        return ok(f"Python {found}")
    return error(
        f"Python {found}: 3.11 to 3.13 is needed",
        "Install one of these, then run: make PYTHON=/path/to/python3.12 setup",
    )


def _packages() -> Finding:
    # The embedded AWS and Dagster's UI are needed unless an AWS account is used.
    wanted = required("" if os.environ.get("LAKEHOUSE_AWS") == "account" else "local")
    if found := faults(wanted):
        return error(f"Packages: {'; '.join(found)}", f"Run: {install_command('local')}")
    return ok(f"{DISTRIBUTION} {version(DISTRIBUTION)}, and {len(wanted)} packages in the tested versions")
