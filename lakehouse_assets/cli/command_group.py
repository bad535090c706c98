"""The group of all commands. A command is imported when it is used; an error of ours becomes a message and an exit
code.
"""

from __future__ import annotations

import inspect
from functools import cached_property
from importlib import import_module
from typing import Any

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from lakehouse_assets.cli.commands import COMMANDS, GROUPS, Entry
from lakehouse_assets.cli.exit_codes import ExitCode
from lakehouse_assets.cli.terminal.ending import full_disk_named
from lakehouse_assets.cli.terminal.errors import home_folder, print_error
from lakehouse_assets.errors import BadConfiguration, LakehouseError


class LazyCommand(TyperCommand):
    """A command that is imported when it is used. This is Click's LazyGroup, for Typer:
    https://click.palletsprojects.com/en/stable/complex/#lazily-loading-subcommands
    """

    def __init__(self, name: str, entry: Entry) -> None:
        super().__init__(name, help=entry.summary)
        self._entry = entry

    @cached_property
    def loaded(self) -> Any:
        """The command itself, with its arguments, options and help. Raises BadConfiguration if a package is missing."""
        module, name = self._entry.function.split(":")
        try:
            function = getattr(import_module(f"lakehouse_assets.cli.commands.{module}"), name)
        except ModuleNotFoundError as missing:
            raise BadConfiguration(
                f"lakehouse {self.name} needs the package {missing.name}, which is not installed. Run lakehouse doctor."
            ) from missing
        one = typer.Typer(add_completion=False)
        one.command(
            self.name, help=_unwrapped(inspect.getdoc(function) or ""), epilog=_as_epilog(self._entry.examples)
        )(function)
        return typer.main.get_command(one)

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        """The context of the loaded command. Click runs, completes and explains the command of the context."""
        return self.loaded.make_context(*arguments, **named)


class Commands(TyperGroup):
    """The commands of `COMMANDS`. If one raises LakehouseError, the exit code is WRONG_USAGE for BadConfiguration, and
    FAILED for all else.
    """

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        groups = {first: TyperGroup(name=first, help=text, no_args_is_help=True) for first, text in GROUPS.items()}
        for full_name, entry in COMMANDS.items():
            first, _, name = full_name.partition(" ")
            if name:
                groups[first].add_command(LazyCommand(name, entry), name)
            self.commands[first] = groups[first] if name else LazyCommand(first, entry)

    def invoke(self, ctx: Any) -> Any:
        try:
            with full_disk_named(home_folder()):
                return super().invoke(ctx)
        except LakehouseError as error:
            print_error(str(error))
            wrong_usage = isinstance(error, BadConfiguration)
            raise typer.Exit(ExitCode.WRONG_USAGE if wrong_usage else ExitCode.FAILED) from None


def _unwrapped(text: str) -> str:
    """Each paragraph in one line: Typer would keep a docstring's line breaks at any width of the terminal."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _as_epilog(examples: tuple[str, ...]) -> str:
    return "\n\n".join(["Example:" if len(examples) == 1 else "Examples:", *map(escape, examples)])
