"""The command line's entry point. It imports nothing heavy, so that `lakehouse --help` is quick: each command is
imported when it is used.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from lakehouse_assets.cli.command_group import Commands
from lakehouse_assets.cli.terminal.ending import end_at_once
from lakehouse_assets.cli.terminal.errors import FAILED, tell_unforeseen
from lakehouse_assets.embedded_aws.process import end_told

app = typer.Typer(
    name="lakehouse",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Files of CSV or Excel become validated, deduplicated Delta tables: nothing lost, nothing doubled, nothing"
        " silently changed."
    ),
    epilog="Each command explains itself: lakehouse load --help",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lakehouse {version('lakehouse-assets')}")
        raise typer.Exit


@app.callback()
def lakehouse(
    home: Annotated[
        Path | None,
        typer.Option(
            help="Where all local state lives; like LAKEHOUSE_HOME, which is .lakehouse in this folder unless set.",
            show_default=False,
        ),
    ] = None,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del show_version
    # Of a run that finds nothing to do it warns once for each check that had nothing to look at.
    logging.getLogger("dagster._core.execution.plan.active").setLevel(logging.ERROR)
    if home is not None:
        os.environ["LAKEHOUSE_HOME"] = str(home.expanduser().absolute())


def main() -> None:
    """Runs the command line. SIGTERM ends it as Ctrl-C does: what a command started is stopped with it."""
    signal.signal(signal.SIGTERM, _end_in_order)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        with end_told(end_at_once):
            app()
    except Exception as error:  # noqa: BLE001 - the trace goes to the log, a line to the person
        tell_unforeseen(error)
        sys.exit(FAILED)


def _end_in_order(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
