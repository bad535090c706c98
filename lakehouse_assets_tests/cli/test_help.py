"""The help of the commands, its examples, and the table of exit codes."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.testing import CliRunner

from lakehouse_assets.cli.command_group import LazyCommand
from lakehouse_assets.cli.commands import COMMANDS, Entry
from lakehouse_assets.cli.exit_codes import OF_COMMANDS, ExitCode
from lakehouse_assets.cli.main import app

EXAMPLES = [(name, example) for name, entry in COMMANDS.items() for example in entry.examples]


def help_of(name: str, columns: str = "200") -> str:
    result = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": columns})
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_an_example_is_a_valid_command_line(name: str, example: str) -> None:
    in_a_shell = re.search(r"\$\((.+)\)", example)
    program, *words = shlex.split(in_a_shell[1] if in_a_shell else example)
    command, arguments = words[: len(name.split())], words[len(name.split()) :]
    assert (program, *command) == ("lakehouse", *name.split())
    assert LazyCommand(name, COMMANDS[name]).make_context(name, arguments).command.name == name


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_the_help_of_a_command_shows_its_examples(name: str, example: str) -> None:
    assert example in help_of(name)


@pytest.mark.parametrize(("name", "entry"), COMMANDS.items())
def test_the_summary_of_a_command_is_the_first_line_of_its_help(name: str, entry: Entry) -> None:
    assert LazyCommand(name, entry).loaded.help.split("\n\n")[0] == entry.summary


def test_a_paragraph_of_the_help_fills_the_terminal() -> None:
    """Typer would break it where the docstring's lines end."""
    lines = [line.strip() for line in help_of("check", "70").splitlines()]
    start = next(number for number, line in enumerate(lines) if line.startswith("Athena checks"))
    paragraph = lines[start : lines.index("", start)]
    assert all(len(line) > 50 for line in paragraph[:-1])


def test_every_exit_code_has_a_meaning_and_its_usual_number() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "SUCCEEDED": 0,
        "FAILED": 1,
        "WRONG_USAGE": 2,
        "INTERRUPTED": 130,
    }
    assert all((code.__doc__ or "").endswith(".") for code in ExitCode)
    assert OF_COMMANDS.keys() <= COMMANDS.keys()
