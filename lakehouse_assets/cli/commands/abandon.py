"""`lakehouse abandon`: ends a batch that can never succeed, without losing a row."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.cli.home import read_home
from lakehouse_assets.cli.terminal.errors import print_note
from lakehouse_assets.cli.terminal.report_text import print_report
from lakehouse_assets.connect import connected
from lakehouse_assets.errors import BadConfiguration, LakehouseError


def abandon(
    reason: Annotated[str, typer.Option(help="The reason, for the report and the ledger.")] = "Abandoned by hand.",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Abandon an open batch that cannot succeed.

    For a batch that failed, or whose process is killed each time: while it is open it blocks the next batch. Rows that
    it has loaded stay in the tables, and their files are archived. Its other files are quarantined under
    rejected/files/, each with the reason. Correct them and upload them again, and a new batch loads them; rows that are
    in the table already count as unchanged.
    """
    with connected(read_home(), holder="lakehouse abandon") as lakehouse:
        lakehouse.take_lease(print_note)
        batch = lakehouse.open_batch()
        if batch is not None and not yes:
            _confirm(batch)
        report = lakehouse.abandon(reason)
        print_report(report)
        try:
            lakehouse.notices.publish(
                "A batch was abandoned",
                f"Batch {report['batch_id']}: {report['error']}\nIts files that were not loaded are under"
                " rejected/files/.",
            )
        except LakehouseError as error:
            print_note(f"The notice was not published: {error}")


def _confirm(batch: Batch) -> None:
    """Raises BadConfiguration if nobody can answer, and typer.Abort if the answer is no."""
    report = batch.report()
    state = (
        f"failed:\n{report['error']}"
        if report
        else "was stopped or killed before it recorded an error; `lakehouse load` would resume it."
    )
    frozen = batch.manifest
    what = f"Batch {batch.id} ({len(frozen.files)} files, frozen {frozen.created_at[:19]} UTC)"
    print_note(f"{what} {state}")
    if not sys.stdin.isatty():
        raise BadConfiguration(
            "The batch was not abandoned: the standard input is not a terminal, so nobody can confirm it. To abandon it"
            " without confirmation: lakehouse abandon --yes"
        )
    typer.confirm("Abandon it?", abort=True, err=True)
