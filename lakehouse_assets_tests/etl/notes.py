"""A contract of free text, so that reading itself can be tested: what each cell of a file becomes, and which row is
which.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from lakehouse_assets.contracts import Contracts
from lakehouse_assets_tests.contracts.support import read
from lakehouse_assets_tests.etl.support import Given, House

COLUMNS = ("number", "one", "two")


def notes_contract(folder: Path) -> Contracts:
    """The dataset `notes`: a number, its key, and two optional texts."""
    properties: list[dict[str, Any]] = [
        {"name": "number", "logicalType": "integer", "physicalType": "int", "required": True, "primaryKey": True},
        {"name": "one", "logicalType": "string", "physicalType": "string"},
        {"name": "two", "logicalType": "string", "physicalType": "string"},
    ]
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "notes",
        "name": "notes",
        "version": "1.0.0",
        "status": "active",
    }
    return read(
        folder, notes={**document, "schema": [{"name": "notes", "logicalType": "object", "properties": properties}]}
    )


def records(text: str, delimiter: str = ",") -> list[list[str]]:
    """The rows below the header, by Python's csv module: the judge. Rows of nothing but blanks are none, and blank
    fields beyond the header are nothing."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter, strict=True)
    rows = [fields for fields in reader if any(map(_filled, fields))][1:]
    return [fields if any(map(_filled, fields[len(COLUMNS) :])) else fields[: len(COLUMNS)] for fields in rows]


def _filled(field: str) -> bool:
    return field.strip(" \t\r\n\xa0") != ""


Row = tuple[str, str | None, str | None]
"""The name of a row's file, and its two texts."""
Outcome = tuple[dict[int, Row], dict[tuple[str, int], dict[str, str]]]
"""The table's rows by number; the raw fields of the rejected rows by file and row number."""


def outcome(house: House, *files: Given) -> Outcome:
    """Loads the files as one batch, each a minute after the one before."""
    house.load("notes", "batch", *(replace(file, minutes=place) for place, file in enumerate(files)))
    table = {
        number: (name, one, two)
        for number, name, one, two in house.values("notes", "number", "source_file", "one", "two")
    }
    return table, {(found["source_file"], found["row_number"]): found["raw"] for found in house.rejects("notes")}


def expected(*files: tuple[str, list[list[str]]]) -> Outcome:
    """What `outcome` must be for files (name, records) of the header COLUMNS: of a number's rows the last one stays."""
    table: dict[int, Row] = {}
    rejected: dict[tuple[str, int], dict[str, str]] = {}
    for name, rows in files:
        for place, fields in enumerate(rows, start=1):
            if len(fields) == len(COLUMNS) and re.fullmatch(" *[+-]?[0-9]{1,9} *", fields[0]):
                one, two = (text if text.strip(" ") else None for text in fields[1:])
                table[int(fields[0])] = (name, one, two)
            else:
                names = [*COLUMNS, *(f"(field {extra})" for extra in range(len(COLUMNS) + 1, len(fields) + 1))]
                rejected[name, place] = dict(zip(names, fields, strict=False))
    return table, rejected


def differing_files(found: Outcome, wanted: Outcome) -> set[str]:
    """The names of the files of which a row is not what it should be, or is missing."""
    rows = {
        row[0]
        for number in found[0].keys() | wanted[0].keys()
        for row in _differing(found[0].get(number), wanted[0].get(number))
    }
    return rows | {
        name
        for name, place in found[1].keys() | wanted[1].keys()
        if _differing(found[1].get((name, place)), wanted[1].get((name, place)))
    }


def _differing(found: Any, wanted: Any) -> list[Any]:
    return [] if found == wanted else [one for one in (found, wanted) if one is not None]
