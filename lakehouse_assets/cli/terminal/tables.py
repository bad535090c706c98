"""Tables: drawn in a terminal, one plain line a row in a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from lakehouse_assets.cli.terminal.console import stdout
from lakehouse_assets.cli.terminal.errors import visible
from lakehouse_assets.cli.terminal.values import is_number, short_text

GAP = 2
SHORT = 28
"""A first column up to this width is not folded: it names the row."""


def print_table(names: Sequence[str], rows: Sequence[Sequence[Any]], *, counts: bool = False) -> None:
    """Prints a table. Columns of numbers are aligned right; in a terminal long texts are folded.

    `counts`: the whole numbers are counts and are grouped, as 40,803; keys are not.
    """
    console = stdout()
    right = [_is_numeric([row[place] for row in rows]) for place in range(len(names))]
    lines = [list(names), *([visible(_text(value, counts)) for value in row] for row in rows)]
    if console.is_terminal:
        console.print(_drawn(lines, right, console.width))
    else:
        console.file.writelines(line + "\n" for line in _plain(lines, right))


def print_tally(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Prints a table of counts whose first column names the row. If the terminal is too narrow, rows and columns change
    places.
    """
    console = stdout()
    needed = sum(_widths([list(names), *([_text(value, True) for value in row] for row in rows)])) + GAP * (
        len(names) - 1
    )
    if console.is_terminal and needed > console.width:
        names, *rows = [list(column) for column in zip(names, *rows, strict=True)]
    print_table(names, rows, counts=True)


def _drawn(lines: list[list[str]], right: list[bool], width: int) -> Any:
    widths = _widths(lines)
    numbers_fit = sum(w for w, is_right in zip(widths, right, strict=True) if is_right) < width / 2
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, collapse_padding=True, pad_edge=False, header_style="bold")
    for place, name in enumerate(lines[0]):
        whole = (right[place] and numbers_fit) or (place == 0 and widths[0] <= SHORT < width / 2)
        table.add_column(Text(name), justify="right" if right[place] else "left", overflow="fold", no_wrap=whole)
    for line in lines[1:]:
        table.add_row(*(Text(text, style="dim" if text == "0" else "") for text in line))
    return table


def _plain(lines: list[list[str]], right: list[bool]) -> Iterator[str]:
    widths = _widths(lines)
    for line in lines:
        cells = [
            text.rjust(width) if is_right else text.ljust(width)
            for text, width, is_right in zip(line, widths, right, strict=True)
        ]
        yield (" " * GAP).join(cells).rstrip()


def _widths(lines: list[list[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*lines, strict=True)]


def _is_numeric(values: Sequence[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(map(is_number, present))


def _text(value: Any, counts: bool) -> str:
    if counts and isinstance(value, int):
        return f"{value:,}"
    return short_text(value)
