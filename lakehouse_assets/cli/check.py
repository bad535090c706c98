"""`lakehouse check`: are the tables what they should be? For people, and for CI: the exit code is 1 when a check fails."""

from __future__ import annotations

import typer

from lakehouse_assets.cli.home import read_home
from lakehouse_assets.cli.told import FAILED


def check() -> None:
    """Ask Athena whether each table is sound: not empty, keys unique, no orphans, the contract's columns. Exit code 1 when one is not."""
    from lakehouse_assets.cli.tables import print_table
    from lakehouse_assets.lakehouse import connected

    with connected(read_home()) as lakehouse:
        found = lakehouse.check()
    print_table(
        ("table", "check", "outcome", "found"),
        [(dataset, result.check, "passed" if result.passed else "failed", result.message) for dataset, results in found.items() for result in results],
    )
    if not all(result.passed for results in found.values() for result in results):
        raise typer.Exit(FAILED)
