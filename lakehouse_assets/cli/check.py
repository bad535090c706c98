"""`lakehouse check`: are the tables what they should be? For people, and for CI: the exit code is 1 when a check fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from lakehouse_assets.cli.home import read_home, tables_asked
from lakehouse_assets.cli.told import FAILED

if TYPE_CHECKING:
    from lakehouse_assets.catalog.checks import CheckResult
    from lakehouse_assets.lakehouse import Lakehouse


def check() -> None:
    """Ask Athena whether each table is sound: not empty, keys unique, no orphans, the contract's columns. Exit code 1 when one is not.

    That a table is empty is a warning as long as no batch has written a row into it.
    """
    from lakehouse_assets.catalog.checks import NOT_EMPTY
    from lakehouse_assets.cli.tables import print_table
    from lakehouse_assets.lakehouse import connected

    with connected(read_home()) as lakehouse:
        with tables_asked(lakehouse):
            found = lakehouse.check()
        is_empty = any(result.check == NOT_EMPTY and not result.passed for results in found.values() for result in results)
        written = _written(lakehouse) if is_empty else set(found)
    rows = [(dataset, result.check, _outcome(result, dataset in written), result.message) for dataset, results in found.items() for result in results]
    print_table(("table", "check", "outcome", "found"), rows)
    if any(outcome == "failed" for _, _, outcome, _ in rows):
        raise typer.Exit(FAILED)


def _written(lakehouse: Lakehouse) -> set[str]:
    """The datasets into whose tables a batch has written a row."""
    return {dataset for report in lakehouse.history() for dataset, counts in report["datasets"].items() if counts["inserted"] + counts["updated"]}


def _outcome(result: CheckResult, written: bool) -> str:
    from lakehouse_assets.catalog.checks import NOT_EMPTY

    if result.passed:
        return "passed"
    return "warning" if result.check == NOT_EMPTY and not written else "failed"
