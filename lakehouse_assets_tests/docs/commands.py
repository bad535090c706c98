"""Commands as a page writes them, held to the command line and to the Makefile."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import typer
from typer._click.exceptions import ClickException

from docs_reference.commands import NAME, commands, parameters, targets
from lakehouse_assets.cli.commands import GROUPS
from lakehouse_assets.cli.main import app

HERE_DOCUMENT = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?(.*?)\n.*?\n\s*\1(?=\n|\Z)", re.DOTALL)
OPERATORS = re.compile(r"[();<>|&]+")
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
PLACEHOLDER = re.compile(r"[A-Z]+|…|\.\.\.")
PREFIXES = {"exec", "nohup", "sudo", "time", "env", "command", "if", "!", "while", "then", "do", "else", "until"}


def faults(script: str) -> list[str]:
    """What is wrong with the commands of a shell script: `lakehouse` and `make` that do not exist, or are not called
    so."""
    return [fault for words in _calls(script) if (fault := _fault(words))]


def _calls(script: str) -> Iterator[list[str]]:
    """The words of each simple command, also of those in $(…)."""
    joined = HERE_DOCUMENT.sub(r"\2", script).replace("\\\n", " ")
    for line in joined.splitlines():
        try:
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words = list(lexer)
        except ValueError:  # a text of several lines
            continue
        call: list[str] = []
        for word in [*words, ";"]:
            if OPERATORS.fullmatch(word):
                if call:
                    yield call
                call = []
                continue
            yield from (inner for text in re.findall(r"\$\(([^()]*)\)", word) for inner in _calls(text))
            if call or not (ASSIGNMENT.match(word) or word in PREFIXES):
                call.append(word)


def _fault(words: list[str]) -> str | None:
    program = words[0].rsplit("/", 1)[-1]
    if program == NAME:
        return _of_command(words[1:])
    if program == "make":
        named = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
        wrong = [name for name in named if f"make {name}" not in targets() and not name.startswith(".venv/")]
        return f"make has no target {', '.join(wrong)}" if wrong else None
    return None


def _of_command(words: list[str]) -> str | None:
    """Reads the words as the command line does, but for the values of placeholders such as FILE and DATE."""
    group: Any = typer.main.get_command(app)
    try:
        name, *rest = _arguments(group, NAME, words) or [""]
        if name in GROUPS and rest:
            name, *rest = [f"{name} {rest[0]}", *rest[1:]]
        if not name or name in GROUPS or PLACEHOLDER.fullmatch(name):
            return None
        if name not in commands():
            return f"there is no command: lakehouse {name}"
        given, taken = _arguments(commands()[name], name, rest), _most_arguments(name)
        if taken is not None and len(given) > taken:
            return f"lakehouse {' '.join(words)}: takes {taken} arguments"
    except ClickException as wrong:
        return f"lakehouse {' '.join(words)}: {wrong.format_message()}"
    return None


def _arguments(command: Any, name: str, words: list[str]) -> list[str]:
    """The words that are no options nor their values. Raises ClickException for an option that there is not, and for a
    value that it does not take."""
    context = command.make_context(name, [], resilient_parsing=True)
    context.resilient_parsing = False
    parser = command.make_parser(context)
    values, rest, _ = parser.parse_args(list(words))
    arguments = [parameter for parameter in command.get_params(context) if not parameter.opts[0].startswith("-")]
    for parameter in command.get_params(context):
        value = values.get(parameter.name)
        if isinstance(value, str) and not PLACEHOLDER.fullmatch(value) and "$" not in value:
            parameter.type.convert(value, parameter, context)
    said = [values.get(argument.name) for argument in arguments]
    return [
        *(word for value in said for word in (value if isinstance(value, tuple | list) else [value]) if word),
        *rest,
    ]


def _most_arguments(name: str) -> int | None:
    """How many arguments a command takes; None: any number."""
    numbers = [each.nargs for each in parameters(commands()[name], name) if not each.opts[0].startswith("-")]
    return None if -1 in numbers else sum(numbers)
