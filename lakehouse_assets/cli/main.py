"""The command line's entry point. It imports nothing heavy: each command imports what it needs when it runs, so that
`lakehouse --help` is quick.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from lakehouse_assets.cli.command_group import Commands
from lakehouse_assets.cli.commands.abandon import abandon
from lakehouse_assets.cli.commands.check import check
from lakehouse_assets.cli.commands.doctor import doctor
from lakehouse_assets.cli.commands.env import env
from lakehouse_assets.cli.commands.explain import explain
from lakehouse_assets.cli.commands.history import history
from lakehouse_assets.cli.commands.load import load, put
from lakehouse_assets.cli.commands.maintain import maintain
from lakehouse_assets.cli.commands.query import query
from lakehouse_assets.cli.commands.rejects import rejects
from lakehouse_assets.cli.commands.up import down, up
from lakehouse_assets.cli.home import absolute
from lakehouse_assets.cli.options import Engine
from lakehouse_assets.cli.terminal.ending import end_at_once
from lakehouse_assets.cli.terminal.errors import FAILED, tell_unforeseen
from lakehouse_assets.embedded_aws.process import on_death

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


def demo(engine: Engine = None) -> None:
    """Show it all: sample files become tables, a report, an answer. It leaves nothing behind."""
    from lakehouse_assets.cli.commands.demo import run_demo

    run_demo(engine)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

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
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version
    # Of a run that finds nothing to do it warns once for each check that had nothing to look at.
    logging.getLogger("dagster._core.execution.plan.active").setLevel(logging.ERROR)
    if home is not None:
        os.environ["LAKEHOUSE_HOME"] = str(absolute(home))


for command in (load, put, query, check, rejects, history, explain, abandon, maintain, up, down, env, doctor, demo):
    app.command()(command)


def main() -> None:
    """Runs the command line. SIGTERM ends it as Ctrl-C does: what a command started is stopped with it."""
    signal.signal(signal.SIGTERM, _end_in_order)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        with on_death(end_at_once):
            app()
    except Exception as error:  # noqa: BLE001 - the trace goes to the log, a line to the person
        tell_unforeseen(error)
        sys.exit(FAILED)


def _end_in_order(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
