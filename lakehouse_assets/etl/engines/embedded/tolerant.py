"""Reads files that the strict reader rejects (rows with too few or too many fields, blank rows, mixed line ends) and
rewrites them so that it accepts them.

Python's csv module decides here: it is slow (about a million rows per second) and exact. Preflight has checked that the
encoding is right and that its quotes close.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lakehouse_assets.etl.engines.base import RawFile
from lakehouse_assets.landing.csv_files.dialect import Dialect
from lakehouse_assets.landing.csv_files.records import records_below_header
from lakehouse_assets.landing.routing import MALFORMED

RAW = "_RAW"
"""The column with a malformed row's fields, as a JSON object of text by column. No file has a column of this name,
because header names are in lower case.
"""


def rewritten(file: RawFile, target: Path) -> RawFile:
    """Returns a file with the same rows in the same order, each with as many fields as the header. A ragged row is
    blank except for `_malformed` (the reason) and `_RAW` (its fields).
    """
    given = file.dialect.header
    own_verdict = given.index(MALFORMED) if MALFORMED in given else None
    header = (*(name for name in given if name != MALFORMED), MALFORMED, RAW)
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(header)
        for fields in _records(file):
            if len(fields) != len(given):
                reason = f"{len(fields)} fields where the header has {len(given)}"
                named = json.dumps(_named(given, fields), ensure_ascii=False)
                writer.writerow([*[""] * (len(header) - 2), reason, named])
                continue
            verdict = fields.pop(own_verdict) if own_verdict is not None else ""
            writer.writerow([*fields, verdict, ""])
    return replace(file, location=str(target), dialect=Dialect(header))


def _records(file: RawFile) -> Iterator[list[str]]:
    opened = gzip.open if file.dialect.compression == "gzip" else open
    with opened(file.path, "rt", encoding=file.dialect.codec, newline="") as text:
        yield from records_below_header(text, file.dialect)


def _named(header: tuple[str, ...], fields: list[str]) -> dict[str, str]:
    return {header[i] if i < len(header) else f"(field {i + 1})": text for i, text in enumerate(fields)}
