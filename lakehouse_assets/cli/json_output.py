"""What a program that calls the command line relies on: one object on stdout, whatever happens."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import typer

from lakehouse_assets.cli.terminal.console import stdout_kept_clean
from lakehouse_assets.cli.terminal.ending import last_words
from lakehouse_assets.cli.terminal.errors import WRONG_USAGE, tell, tell_unforeseen
from lakehouse_assets.cli.terminal.formats import print_json
from lakehouse_assets.errors import BadConfiguration, LakehouseError
from lakehouse_assets.etl.report import NOTHING_TO_DO


def printed_as_json(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Prints the report that `run` returns, and returns it; where it raises, an object with the status failed and the
    error, which is told on stderr as well.

    Ends with exit code 2 after wrong settings, as any command does. Ctrl-C alone leaves stdout empty.
    """
    stdout, wrong_usage = sys.stdout, False
    with stdout_kept_clean(), last_words(lambda reason: print_json(_failed(reason), stdout)):
        try:
            report = run()
        except LakehouseError as error:
            wrong_usage = isinstance(error, BadConfiguration)
            tell(str(error))
            report = _failed(str(error))
        except Exception as error:  # noqa: BLE001 - the trace goes to the log, and the program gets its object
            tell_unforeseen(error)
            report = _failed(f"{type(error).__name__}: {error}")
    print_json(report)
    if wrong_usage:
        raise typer.Exit(WRONG_USAGE)
    return report


def _failed(reason: str) -> dict[str, Any]:
    return NOTHING_TO_DO | {"status": "failed", "error": reason}
