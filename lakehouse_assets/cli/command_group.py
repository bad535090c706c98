"""The group of all commands. A command is imported when it is used; an error of ours becomes a message and an exit
code.
"""

from __future__ import annotations

import inspect
from functools import cached_property
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from lakehouse_assets.cli.terminal.ending import full_disk_named
from lakehouse_assets.cli.terminal.errors import FAILED, WRONG_USAGE, home_folder, tell
from lakehouse_assets.errors import BadConfiguration, LakehouseError

COMMANDS = {
    "load": ("load:load", "Upload files, run one batch, print the load report."),
    "put": ("load:put", "Upload files only; the next batch loads them."),
    "query": ("query:query", "Run a read-only SQL query through Athena."),
    "check": ("check:check", "Check that the tables are valid and complete."),
    "rejects": ("rejects:rejects", "List the rejected records, with their reasons."),
    "history": ("history:history", "List every batch and file: when, outcome, counts."),
    "explain": ("explain:explain", "Explain a dataset's contract and the SQL that validates it."),
    "abandon": ("abandon:abandon", "Abandon an open batch that cannot succeed."),
    "maintain": ("maintain:maintain", "Compact the tables and delete old versions."),
    "up": ("up:up", "Run Dagster (UI and daemon) and the embedded AWS until Ctrl-C."),
    "down": ("up:down", "Stop what lakehouse up runs for this home."),
    "env": ("env:env", "Print how other programs connect to the embedded AWS."),
    "doctor": ("doctor:doctor", "Check this installation, and say what to do."),
    "demo": ("demo:demo", "Load sample files and show the results; leaves nothing behind."),
}
"""The commands, in the order of `lakehouse --help`: the module in commands/ and its function, and the summary that the
list of commands shows, which is the first line of the function's docstring.
"""


class LazyCommand(TyperCommand):
    """A command that is imported when it is used. This is Click's LazyGroup, for Typer:
    https://click.palletsprojects.com/en/stable/complex/#lazily-loading-subcommands
    """

    def __init__(self, name: str, function: str, summary: str) -> None:
        super().__init__(name, help=summary)
        self._function = function

    @cached_property
    def loaded(self) -> Any:
        """The command itself, with its arguments, options and help."""
        module, name = self._function.split(":")
        function = getattr(import_module(f"lakehouse_assets.cli.commands.{module}"), name)
        one = typer.Typer(add_completion=False)
        one.command(self.name, help=_unwrapped(inspect.getdoc(function) or ""))(function)
        return typer.main.get_command(one)

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        """The context of the loaded command. Click runs, completes and explains the command of the context."""
        return self.loaded.make_context(*arguments, **named)


class Commands(TyperGroup):
    """The commands of `COMMANDS`. If one raises LakehouseError, the exit code is 2 for wrong usage and configuration,
    and 1 for all else.
    """

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.commands |= {name: LazyCommand(name, *found) for name, found in COMMANDS.items()}

    def invoke(self, ctx: Any) -> Any:
        try:
            with full_disk_named(home_folder()):
                return super().invoke(ctx)
        except LakehouseError as error:
            tell(str(error))
            raise typer.Exit(WRONG_USAGE if isinstance(error, BadConfiguration) else FAILED) from None


def _unwrapped(text: str) -> str:
    """Each paragraph in one line: Typer would keep a docstring's line breaks at any width of the terminal."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
