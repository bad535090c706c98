"""`lakehouse check`: are the tables valid, and do they hold exactly what the batches wrote?"""

from __future__ import annotations

import typer

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog import audit, checks
from lakehouse_assets.catalog.checks import CheckResult
from lakehouse_assets.cli.exit_codes import ExitCode
from lakehouse_assets.cli.home import missing_tables_explained, read_home
from lakehouse_assets.cli.terminal.console import stdout
from lakehouse_assets.cli.terminal.tables import print_table
from lakehouse_assets.connect import connected


def check() -> None:
    """Check that the tables are valid and complete.

    Athena checks that each table has rows, unique keys and the columns of its contract, and that no row is an orphan.
    Then each table is compared with the reports of the batches: each row comes from a file of a batch, each batch is in
    the table's log, no rejected row waits for a parent that exists, and each row that was healed or corrected is in the
    table. An empty table is a warning until a batch has written a row into it. The exit code is 1 if a check fails.
    """
    with connected(read_home()) as lakehouse:
        with missing_tables_explained(lakehouse):
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
        raise typer.Exit(ExitCode.FAILED)


def _audited(lakehouse: Lakehouse) -> dict[str, list[CheckResult]]:
    with failures_named("Comparing the tables with the reports"):
        return audit.Audit(
            lakehouse.contracts, lakehouse.zone, lakehouse.tables, lakehouse.settings.memory_mb
        ).results()


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
    return "failed" if result.severe and (written or result.check != checks.NOT_EMPTY) else "warning"
