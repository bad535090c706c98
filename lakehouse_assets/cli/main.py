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
from lakehouse_assets.cli.exit_codes import ExitCode
from lakehouse_assets.cli.terminal.ending import exit_now
from lakehouse_assets.cli.terminal.errors import print_unexpected
from lakehouse_assets.embedded_aws.process import on_death

app = typer.Typer(
    name="lakehouse",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Load CSV and Excel files into validated, deduplicated Delta tables. No row is lost, duplicated or changed"
        " without a record of it."
    ),
    epilog="First time: lakehouse demo\n\nHelp and examples of a command: lakehouse load --help",
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
            help="The folder of all local state. Overrides LAKEHOUSE_HOME; default: .lakehouse in this folder.",
            show_default=False,
        ),
    ] = None,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    del show_version
    # If a run finds nothing to load, Dagster would warn once for each check that it skips.
    logging.getLogger("dagster._core.execution.plan.active").setLevel(logging.ERROR)
    if home is not None:
        os.environ["LAKEHOUSE_HOME"] = str(home.expanduser().absolute())


def main() -> None:
    """Runs the command line. SIGTERM interrupts it like Ctrl-C: everything that the command started is stopped."""
    signal.signal(signal.SIGTERM, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        with on_death(exit_now):
            app()
    except Exception as error:  # noqa: BLE001 - the user gets one line, the log the trace
        print_unexpected(error)
        sys.exit(ExitCode.FAILED)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
