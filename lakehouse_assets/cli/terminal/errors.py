"""How the command line reports errors: ours as one message, anything unexpected as one line with its trace in the
log.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path

from lakehouse_assets.cli.terminal.console import stderr


def print_note(text: str) -> None:
    """Prints a message on the standard error; in a terminal, lines are broken between words."""
    console = stderr()
    console.print(visible(text, keep_lines=True), soft_wrap=not console.is_terminal)


def print_error(reason: str) -> None:
    """Prints an error on the standard error."""
    print_note(f"Error: {reason}")


def print_unexpected(error: Exception) -> None:
    """Prints one line for the user, and writes the trace to the log of the home, or to a temporary file if the home
    cannot be written.
    """
    log = _log_file()
    logger = logging.getLogger("lakehouse.unexpected")
    logger.propagate = False
    logger.addHandler(logging.FileHandler(log, encoding="utf-8"))
    logger.error("lakehouse %s", " ".join(sys.argv[1:]), exc_info=error)
    print_error(f"{type(error).__name__}: {visible(str(error))[:300]} (unexpected; please report it with {log})")


def _log_file() -> Path:
    folder = home_folder() / "logs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lakehouse.log").open("a"):
            return folder / "lakehouse.log"
    except OSError:
        handle, name = tempfile.mkstemp(prefix="lakehouse-", suffix=".log")
        os.close(handle)
        return Path(name)


def home_folder() -> Path:
    """The home, without reading the settings: they may be what is wrong."""
    return Path(os.environ.get("LAKEHOUSE_HOME") or ".lakehouse").absolute()


def visible(text: str, *, keep_lines: bool = False) -> str:
    r"""Text from data or file names, safe for a terminal: characters that would move its cursor, colour it or turn its
    direction are shown as escapes, such as \x1b. `keep_lines`: line feeds stay.
    """
    if text.isprintable():
        return text
    return "".join(
        c if _harmless(c) or (keep_lines and c == "\n") else c.encode("unicode_escape").decode() for c in text
    )


def _harmless(character: str) -> bool:
    """isprintable() is false for joiners too, which emoji and Indic scripts need."""
    return character.isprintable() or character in "\u200c\u200d\u00a0\u3000"
