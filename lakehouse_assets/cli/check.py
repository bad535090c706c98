"""`lakehouse check`: are the tables what they should be? For people, and for CI: the exit code is 1 when a check fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from lakehouse_assets.cli.home import no_batch_yet, read_home
from lakehouse_assets.cli.told import FAILED
from lakehouse_assets.errors import LakehouseError

if TYPE_CHECKING:
    from lakehouse_assets.catalog.checks import CheckResult


def check() -> None:
    """Ask Athena whether each table is sound: not empty, keys unique, no orphans, the contract's columns. Exit code 1 when one is not.

    That a table is empty is a warning as long as no batch has written a row into it.
    """
    from lakehouse_assets.cli.tables import print_table
    from lakehouse_assets.lakehouse import connected

    settings = read_home()
    with connected(settings) as lakehouse:
        reports = lakehouse.history()
        if not reports:
            raise LakehouseError(no_batch_yet(settings))
        found = lakehouse.check()
    written = {dataset for report in reports for dataset, counts in report["datasets"].items() if counts["inserted"] + counts["updated"]}
    rows = [(dataset, result.check, _outcome(result, dataset in written), result.message) for dataset, results in found.items() for result in results]
    print_table(("table", "check", "outcome", "found"), rows)
    if any(outcome == "failed" for _, _, outcome, _ in rows):
        raise typer.Exit(FAILED)


def _outcome(result: CheckResult, written: bool) -> str:
    from lakehouse_assets.catalog.checks import NOT_EMPTY

    if result.passed:
        return "passed"
    return "warning" if result.check == NOT_EMPTY and not written else "failed"
