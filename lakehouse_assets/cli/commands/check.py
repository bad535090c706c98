"""`lakehouse check`: are the tables what they should be? For people, and for CI: the exit code is 1 when a check
fails.
"""

from __future__ import annotations

import typer

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog import audit, checks
from lakehouse_assets.catalog.audit import Audit
from lakehouse_assets.catalog.checks import NOT_EMPTY, CheckResult
from lakehouse_assets.cli.home import read_home, tables_asked
from lakehouse_assets.cli.terminal.console import stdout
from lakehouse_assets.cli.terminal.errors import FAILED
from lakehouse_assets.cli.terminal.tables import print_table
from lakehouse_assets.connect import connected


def check() -> None:
    """Check that the tables are valid and complete.

    Athena is asked: is the table not empty, are keys unique, are there no orphans, are the columns the contract's? Then
    the tables are held against the batches' reports: does each row come from a file that a batch had, is each batch in
    the table's log, does no record wait whose parents are there, and is each record that was healed or corrected in the
    table? That a table is empty is a warning as long as no batch has written a row into it.
    """
    with connected(read_home()) as lakehouse:
        with tables_asked(lakehouse):
            found = lakehouse.check()
        audited = _audited(lakehouse)
        is_empty = any(
            result.check == checks.NOT_EMPTY and not result.passed for results in found.values() for result in results
        )
        written = _written(lakehouse) if is_empty else set(found)
    rows = [
        (dataset, result.check, _outcome(result, dataset in written), result.message)
        for dataset, results in found.items()
        for result in (*results, *audited[dataset])
    ]
    print_table(("table", "check", "outcome", "found"), rows)
    failed = [(dataset, name) for dataset, name, outcome, _ in rows if outcome == "failed"]
    what_to_do = checks.WHAT_TO_DO | audit.WHAT_TO_DO
    console = stdout()
    for dataset, name in failed:
        console.print()
        console.print(
            f"{dataset}, {name}: {what_to_do[name].format(dataset=dataset)}",
            style="yellow",
            soft_wrap=not console.is_terminal,
        )
    if failed:
        raise typer.Exit(FAILED)


def _audited(lakehouse: Lakehouse) -> dict[str, list[CheckResult]]:
    with failures_named("Holding the tables against the reports"):
        return Audit(lakehouse.contracts, lakehouse.zone, lakehouse.tables, lakehouse.settings.memory_mb).results()


def _written(lakehouse: Lakehouse) -> set[str]:
    """The datasets into whose tables a batch has written a row."""
    return {
        dataset
        for report in lakehouse.reports.all()
        for dataset, counts in report["datasets"].items()
        if counts["inserted"] + counts["updated"]
    }


def _outcome(result: CheckResult, written: bool) -> str:
    if result.passed:
        return "passed"
    return "failed" if result.severe and (written or result.check != NOT_EMPTY) else "warning"
