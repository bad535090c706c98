"""Rows as a table for users, and as CSV and JSON for programs."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any, TextIO

import typer

from lakehouse_assets.cli.terminal.console import writes_utf8
from lakehouse_assets.cli.terminal.errors import print_note, visible
from lakehouse_assets.cli.terminal.tables import print_table
from lakehouse_assets.cli.terminal.values import is_number, text_of
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.landing.csv_files.lines import csv_line

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that begins with one of these as a formula:
https://owasp.org/www-community/attacks/CSV_Injection
"""
MOST_TABLE_ROWS = 1000


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"


Raw = Annotated[
    bool,
    typer.Option(
        "--raw", help="With --format csv: write texts unchanged, also those that a spreadsheet runs as formulas."
    ),
]


def print_json(value: Any, file: TextIO | None = None) -> None:
    print(
        json.dumps(value, ensure_ascii=not writes_utf8(file or sys.stdout), default=str, indent=2),
        file=file,
        flush=True,
    )


def print_rows(names: Sequence[str], rows: Iterable[Sequence[Any]], form: Format, *, raw: bool = False) -> None:
    """Prints rows. Values: numbers and booleans, lists and dicts, None if missing, and text for all other types. CSV
    and JSON are streamed, a table is limited to MOST_TABLE_ROWS.

    In JSON a decimal is text: a reader that parses JSON numbers as doubles would change it. `raw`: do not escape
    formulas in CSV, see `escaped`. Raises BadConfiguration for JSON if two columns have the same name.
    """
    if form is Format.JSON:
        _print_json_rows(names, rows)
    elif form is Format.CSV:
        _print_csv_rows(names, rows, raw=raw)
    else:
        shown = iter(rows)
        print_table(names, list(islice(shown, MOST_TABLE_ROWS)))
        if more := sum(1 for _ in shown):
            print_note(f"and {more:,} more rows: --format csv or --format json prints all")


def _print_csv_rows(names: Sequence[str], rows: Iterable[Sequence[Any]], *, raw: bool) -> None:
    _write(csv_line(names))
    changed = 0
    for row in rows:
        texts = [text_of(value) for value in row]
        cells = texts if raw else [escaped(value, text) for value, text in zip(row, texts, strict=True)]
        changed += sum(cell != text for cell, text in zip(cells, texts, strict=True))
        _write(csv_line(cells))
    if changed:
        print_note(
            f"An apostrophe was put before {changed:,} text{'s' * (changed != 1)} beginning with = + - @ or a tab,"
            " which a spreadsheet would run as a formula. --raw writes texts unchanged."
        )


def _write(text: str) -> None:
    """Writes to the standard output. A terminal gets control characters as visible escapes, because it would execute
    them; a file or a pipe gets the exact text."""
    sys.stdout.write(visible(text, keep_lines=True) if sys.stdout.isatty() else text)


def escaped(value: Any, text: str) -> str:
    """A cell that a spreadsheet does not run: an apostrophe is put before a text that begins like a formula."""
    return "'" + text if text.startswith(FORMULA_STARTS) and not is_number(value) else text


def _print_json_rows(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    if twice := sorted(name for name, times in Counter(names).items() if times > 1):
        raise BadConfiguration(
            f"Two columns are named {', '.join(twice)}, and JSON would keep only one: rename one with AS, or use"
            " --format csv."
        )
    between = "["
    for row in rows:
        values = (str(value) if isinstance(value, float) and not math.isfinite(value) else value for value in row)
        record = dict(zip(names, values, strict=True))
        _write(f"{between}\n {json.dumps(record, ensure_ascii=not writes_utf8(sys.stdout), default=text_of)}")
        between = ","
    sys.stdout.write("[]\n" if between == "[" else "\n]\n")
