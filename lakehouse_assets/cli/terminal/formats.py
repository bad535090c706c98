"""Rows for people and for programs: as a table, as CSV, as JSON."""

from __future__ import annotations

import json
import math
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any, TextIO

import typer

from lakehouse_assets.cli.terminal.console import writes_utf8
from lakehouse_assets.cli.terminal.errors import visible
from lakehouse_assets.cli.terminal.tables import print_table
from lakehouse_assets.cli.terminal.values import is_number, text_of
from lakehouse_assets.errors import BadConfiguration

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that begins so: https://owasp.org/www-community/attacks/CSV_Injection"""
MOST_TABLE_ROWS = 1000
NEEDS_QUOTES = re.compile(r'[",\r\n]')


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"


Raw = Annotated[
    bool,
    typer.Option(
        "--raw", help="With --format csv: texts as they are, also those that a spreadsheet would run as formulas."
    ),
]


def print_json(value: Any, file: TextIO | None = None) -> None:
    print(
        json.dumps(value, ensure_ascii=not writes_utf8(file or sys.stdout), default=str, indent=2),
        file=file,
        flush=True,
    )


def print_rows(names: Sequence[str], rows: Iterable[Sequence[Any]], form: Format, *, raw: bool = False) -> None:
    """rows: numbers and booleans with their types, lists and objects as Python's, all else text, None for missing. CSV
    and JSON are written as they come.

    In JSON a decimal is text: what reads a JSON number as a double would change it. `raw`: CSV with every text as it
    is, see `escaped`.
    """
    if form is Format.JSON:
        _print_json_rows(names, rows)
    elif form is Format.CSV:
        _print_csv_rows(names, rows, raw=raw)
    else:
        shown = iter(rows)
        print_table(names, list(islice(shown, MOST_TABLE_ROWS)))
        if more := sum(1 for _ in shown):
            print(f"and {more:,} more rows: --format csv or --format json gives them all", file=sys.stderr)


def _csv_line(cells: Sequence[str]) -> str:
    """Python's csv module leaves a lone carriage return unquoted, and readers take that for the end of the line; an
    empty line they pass over.
    """
    if list(cells) == [""]:
        return '""\n'
    quoted = ('"' + cell.replace('"', '""') + '"' if NEEDS_QUOTES.search(cell) else cell for cell in cells)
    return ",".join(quoted) + "\n"


def _print_csv_rows(names: Sequence[str], rows: Iterable[Sequence[Any]], *, raw: bool) -> None:
    _write(_csv_line(names))
    changed = 0
    for row in rows:
        texts = [text_of(value) for value in row]
        cells = texts if raw else [escaped(value, text) for value, text in zip(row, texts, strict=True)]
        changed += sum(cell != text for cell, text in zip(cells, texts, strict=True))
        _write(_csv_line(cells))
    if changed:
        print(
            f"{changed:,} text{'s' * (changed != 1)} beginning with = + - @ or a tab: an apostrophe is before each, "
            "as a spreadsheet would run it as a formula. --raw writes them as they are.",
            file=sys.stderr,
        )


def _write(text: str) -> None:
    """A terminal would carry out what stands in a text: move its cursor, change its title. It gets what is visible; a
    file or a pipe gets all of it."""
    sys.stdout.write(visible(text, keep_lines=True) if sys.stdout.isatty() else text)


def escaped(value: Any, text: str) -> str:
    """A cell for people who open the CSV in a spreadsheet: text that it would run as a formula is escaped by an
    apostrophe.
    """
    return "'" + text if text.startswith(FORMULA_STARTS) and not is_number(value) else text


def _print_json_rows(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    if twice := sorted(name for name, times in Counter(names).items() if times > 1):
        raise BadConfiguration(
            f"Two columns are called {', '.join(twice)}, of which JSON would keep one: name them with AS, or ask for"
            " --format csv."
        )
    between = "["
    for row in rows:
        values = (str(value) if isinstance(value, float) and not math.isfinite(value) else value for value in row)
        record = dict(zip(names, values, strict=True))
        _write(f"{between}\n {json.dumps(record, ensure_ascii=not writes_utf8(sys.stdout), default=text_of)}")
        between = ","
    sys.stdout.write("[]\n" if between == "[" else "\n]\n")
