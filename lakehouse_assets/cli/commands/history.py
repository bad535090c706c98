"""`lakehouse history`: every batch and every file."""

from __future__ import annotations

from typing import Annotated

import typer

from lakehouse_assets.cli.home import no_batch_yet, read_home
from lakehouse_assets.cli.terminal.console import stdout
from lakehouse_assets.cli.terminal.errors import visible
from lakehouse_assets.cli.terminal.formats import print_json
from lakehouse_assets.cli.terminal.report_text import print_files, style_of
from lakehouse_assets.cli.terminal.tables import print_tally
from lakehouse_assets.connect import connected
from lakehouse_assets.etl.status import in_words


def history(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the load reports as one JSON list, the oldest first.")
    ] = False,
) -> None:
    """List every batch and file: when, outcome, counts.

    The oldest batch comes first: when it was frozen, how it ended, what became of the rows of each dataset and of each
    file.
    """
    settings = read_home()
    with connected(settings) as lakehouse:
        reports = lakehouse.reports.all()
    if as_json:
        print_json(reports)
        return
    console = stdout()
    if not reports:
        console.print(no_batch_yet(settings), soft_wrap=True)
    for report in reports:
        when = report["created_at"][:19].replace("T", " ")
        console.print(
            f"{when} UTC  batch {report['batch_id']}  {in_words(report)}",
            style=f"bold {style_of(report)}",
            soft_wrap=True,
        )
        if report["error"]:
            console.print(visible(report["error"], keep_lines=True), soft_wrap=True)
        if report["datasets"]:
            names = list(next(iter(report["datasets"].values())))
            print_tally(
                ("dataset", *names), [(dataset, *counts.values()) for dataset, counts in report["datasets"].items()]
            )
        if report["files"]:
            print_files(report["files"])
        console.print()
