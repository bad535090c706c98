"""`lakehouse abandon`: a batch that can never succeed makes way for the next one, and no row of it is lost."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lakehouse_assets.cli.home import read_home
from lakehouse_assets.cli.terminal.errors import visible
from lakehouse_assets.cli.terminal.report_text import print_report
from lakehouse_assets.connect import connected
from lakehouse_assets.errors import BadConfiguration, LakehouseError


def abandon(
    reason: Annotated[str, typer.Option(help="Why, for the report and the ledger.")] = "Abandoned by hand.",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Abandon an open batch that cannot succeed.

    What it has loaded stays in the tables and its files are archived. All its other files are set aside under
    rejected/files/, each with the reason: put right and uploaded again they make a new batch. Rows that were loaded
    before come out as unchanged then.
    """
    with connected(read_home(), holder="lakehouse abandon") as lakehouse:
        lakehouse.take_lease(lambda waiting: typer.echo(waiting, err=True))
        batch = lakehouse.open_batch()
        if batch is not None and not yes:
            report = batch.report()
            how = (
                f"failed:\n{report['error']}"
                if report
                else "was stopped or killed before it could say why; `lakehouse load` would go on with it."
            )
            frozen = batch.manifest
            named = f"Batch {batch.id} ({len(frozen.files)} files, frozen {frozen.created_at[:19]} UTC)"
            typer.echo(f"{named} {visible(how, keep_lines=True)}", err=True)
            if not sys.stdin.isatty():
                raise BadConfiguration("To abandon it without being asked: lakehouse abandon --yes")
            typer.confirm("Abandon it?", abort=True, err=True)
        report = lakehouse.abandon(reason)
        print_report(report)
        try:
            lakehouse.notices.publish(
                "A batch was abandoned",
                f"Batch {report['batch_id']}: {report['error']}\nIts files that were not loaded are under"
                " rejected/files/.",
            )
        except LakehouseError as error:
            typer.echo(f"Nobody could be told: {visible(str(error))}", err=True)
