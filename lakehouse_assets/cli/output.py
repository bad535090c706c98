"""Rows for people and for programs: a table drawn well in a terminal and plain in a pipe, CSV, JSON."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any

from lakehouse_assets.cli.told import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that begins so: https://owasp.org/www-community/attacks/CSV_Injection"""
MOST_TABLE_ROWS = 1000
WHOLE_WIDTH = 28
"""What stands in a table's first column is not broken while it is no longer than this."""


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def stdout() -> Console:
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def stderr() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


@contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """What any library prints meanwhile goes to stderr: stdout is for the one object that the caller asked for."""
    from contextlib import redirect_stdout

    with redirect_stdout(sys.stderr):
        yield


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=not _writes_utf8(), default=str, indent=2))


def print_rows(names: Sequence[str], rows: Iterable[Sequence[Any]], form: Format) -> None:
    """`rows`: numbers and booleans with their types, lists and objects as Python's, all else text, None for missing. Only a table holds many of them at once."""
    if form is Format.JSON:
        _print_json_rows(names, rows)
    elif form is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_text(value) if _is_number(value) else _spreadsheet_safe(_text(value)) for value in row] for row in rows)
    else:
        shown = iter(rows)
        print_table(names, list(islice(shown, MOST_TABLE_ROWS)))
        more = sum(1 for _ in shown)
        if more:
            stderr().print(f"and {more:,} more rows: --format csv or --format json gives them all")


def print_table(names: Sequence[str], rows: Sequence[Sequence[Any]], *, counts: bool = False, console: Console | None = None) -> None:
    """Columns that hold nothing but numbers are set flush right; in a terminal long texts are folded, in a pipe every row is one line.

    counts: the whole numbers are counts, easier to read as 40,803; a key is not.
    """
    console = console or stdout()
    right = [any(_is_number(row[place]) for row in rows) and all(row[place] is None or _is_number(row[place]) for row in rows) for place in range(len(names))]
    texts = [[visible(_short_text(value, counts)) for value in row] for row in rows]
    if not console.is_terminal:
        for line in _plain_lines([list(names), *texts], right):
            console.file.write(line + "\n")
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, collapse_padding=True, pad_edge=False, header_style="bold")
    for place, (name, is_right) in enumerate(zip(names, right, strict=True)):
        widest = max((len(row[place]) for row in texts), default=0)
        table.add_column(
            name, justify="right" if is_right else "left", overflow="fold", no_wrap=is_right, min_width=min(widest, WHOLE_WIDTH if not place else 0)
        )
    for row in texts:
        table.add_row(*(Text(text, style="dim" if text == "0" else "") for text in row))
    console.print(table)


def _plain_lines(lines: list[list[str]], right: list[bool]) -> Iterator[str]:
    widths = [max(len(line[place]) for line in lines) for place in range(len(right))]
    for line in lines:
        cells = [text.rjust(width) if is_right else text.ljust(width) for text, width, is_right in zip(line, widths, right, strict=True)]
        yield "  ".join(cells).rstrip()


def _print_json_rows(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    between = "["
    for row in rows:
        sys.stdout.write(between + "\n ")
        sys.stdout.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=not _writes_utf8(), default=str))
        between = ","
    sys.stdout.write("[]\n" if between == "[" else "\n]\n")


def _writes_utf8() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short_text(value: Any, grouped: bool) -> str:
    if grouped and isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{name}={text!r}" for name, text in value.items())
    return _text(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "; ".join(_text(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _spreadsheet_safe(text: str) -> str:
    return "'" + text if text.startswith(FORMULA_STARTS) else text
