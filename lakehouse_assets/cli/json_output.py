"""What a program that calls the command line relies on: one object on the standard output, in every case."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from lakehouse_assets.cli.exit_codes import ExitCode
from lakehouse_assets.cli.terminal.console import stdout_kept_clean
from lakehouse_assets.cli.terminal.ending import on_forced_exit
from lakehouse_assets.cli.terminal.errors import print_error, print_unexpected
from lakehouse_assets.cli.terminal.formats import print_json
from lakehouse_assets.errors import BadConfiguration, LakehouseError
from lakehouse_assets.etl.report import NOTHING_TO_DO
from lakehouse_assets.etl.report_types import NoBatch, Report


def printed_as_json(run: Callable[[], Report]) -> Report:
    """Prints the load report that `run` returns, and returns it. If `run` raises, prints and returns an object with the
    status failed and the error; the error is printed on the standard error as well.

    Exits with WRONG_USAGE after a BadConfiguration. After Ctrl-C the standard output is empty.
    """
    stdout, wrong_usage = sys.stdout, False
    with stdout_kept_clean(), on_forced_exit(lambda reason: print_json(_failed(reason), stdout)):
        try:
            report = run()
        except LakehouseError as error:
            wrong_usage = isinstance(error, BadConfiguration)
            print_error(str(error))
            report = _failed(str(error))
        except Exception as error:  # noqa: BLE001 - the log gets the trace, and the program its object
            print_unexpected(error)
            report = _failed(f"{type(error).__name__}: {error}")
    print_json(report)
    if wrong_usage:
        raise typer.Exit(ExitCode.WRONG_USAGE)
    return report


def _failed(reason: str) -> NoBatch:
    return NOTHING_TO_DO | {"status": "failed", "error": reason}
