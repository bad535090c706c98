"""The page of the command line, from the Typer application."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from docs_reference.markdown import block, bullets, code, page, paragraph, plain
from lakehouse_assets.cli.commands import COMMANDS
from lakehouse_assets.cli.main import app

NAME = "lakehouse"
INTRODUCTION = (
    "Every command of the command line, with its arguments, its options and an example. `lakehouse COMMAND --help`"
    " prints the same. What a command's end means is on the page [Exit codes](exit-codes.md)."
)
TARGETS = "In a checkout of the project, `make` installs, checks and deploys. `make help` lists the targets."
TARGET = re.compile(r"([a-z-]+):.*?## (.+)")


def commands() -> dict[str, Any]:
    """Each command by its name, in the order in which `lakehouse --help` has them."""
    found = {}
    for name in COMMANDS:
        command: Any = typer.main.get_command(app)
        for word in name.split():
            command = command.get_command(_context(command, NAME), word)
        found[name] = _context(command, name).command
    return found


def parameters(command: Any, name: str) -> list[Any]:
    """The arguments and options of a command, as Click has them, but for --help, which each has."""
    return [each for each in command.get_params(_context(command, name)) if each.name != "help"]


def options_of_all() -> list[Any]:
    """The options that stand before a command's name."""
    group: Any = typer.main.get_command(app)
    return [each for each in parameters(group, NAME) if each.opts[0].startswith("--")]


def commands_page() -> str:
    """docs/reference/commands.md"""
    parts = [
        "## Options of every command",
        paragraph("They stand before the command's name: `lakehouse --home /data/shop load orders.csv`."),
        bullets(_described(each, NAME) for each in options_of_all()),
        paragraph("`-h` and `--help` print the help, of `lakehouse` and of each command.", "", ""),
    ]
    for name, command in commands().items():
        parts += _command(name, command)
    parts += [
        "## make",
        paragraph(TARGETS),
        bullets(f"{code(name)}: {plain(text)}" for name, text in targets().items()),
    ]
    return page("Commands", INTRODUCTION, *parts)


def targets() -> dict[str, str]:
    """What `make help` lists: each target of the Makefile, and what it does."""
    lines = (Path(__file__).parents[1] / "Makefile").read_text("utf-8").splitlines()
    return {f"make {found[1]}": found[2] for line in lines if (found := TARGET.match(line))}


def _command(name: str, command: Any) -> Iterator[str]:
    yield f"## lakehouse {name}"
    for text in (command.help or "").split("\n\n"):
        yield paragraph(plain(text))
    context = _context(command, name)
    usage = " ".join(piece.strip("{}") for piece in command.collect_usage_pieces(context))
    yield block(f"lakehouse {name} {usage}".rstrip())
    yield bullets(_described(each, name) for each in parameters(command, name))
    examples = COMMANDS[name].examples
    yield "Example:" if len(examples) == 1 else "Examples:"
    yield block("\n".join(examples), "bash")


def _described(parameter: Any, name: str) -> str:
    """A line on an argument or an option: how it is written, what it says, its default."""
    context = typer.Context(commands().get(name) or typer.main.get_command(app), info_name=name)
    shown = _metavar(parameter.make_metavar(context))
    is_option = parameter.opts[0].startswith("-")
    names = ", ".join((*parameter.opts, *parameter.secondary_opts))
    takes = "" if not is_option or getattr(parameter, "is_flag", False) else f" {shown}"
    said = [plain(parameter.help or "")]
    if bounds := _bounds(parameter.type):
        said.append(bounds)
    if parameter.required:
        said.append("Required.")
    if isinstance(parameter.show_default, str):
        said.append(f"Default: {parameter.show_default}.")
    elif parameter.show_default and parameter.default is not None and not getattr(parameter, "is_flag", False):
        said.append(f"Default: {code(getattr(parameter.default, 'value', parameter.default))}.")
    return f"{code(f'{names}{takes}' if is_option else shown)}: {' '.join(said)}"


def _metavar(written: str) -> str:
    """How the value of an option is named: Typer's own names of types as words, a choice without its brackets."""
    inner = written.strip("<>")
    return {"int": "NUMBER", "int range": "NUMBER", "float range": "NUMBER", "str": "TEXT", "path": "PATH"}.get(
        inner, inner
    )


def _bounds(kind: Any) -> str:
    least, most = getattr(kind, "min", None), getattr(kind, "max", None)
    if least is None and most is None:
        return ""
    return f"From {least} to {most}." if most is not None else f"At least {least}."


def _context(command: Any, name: str) -> Any:
    return command.make_context(name, [], resilient_parsing=True)
