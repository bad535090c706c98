"""A contract of free text, so that reading itself can be tested: what each cell of a file becomes, and which row is which."""

from __future__ import annotations

import csv
import io
import re
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
    document = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "notes", "name": "notes", "version": "1.0.0", "status": "active"}
    return read(folder, notes={**document, "schema": [{"name": "notes", "logicalType": "object", "properties": properties}]})


def records(text: str, delimiter: str = ",") -> list[list[str]]:
    """The rows below the header, by Python's csv module: the judge. Rows of nothing but blanks are none, and blank
    fields beyond the header are nothing."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter, strict=True)
    rows = [fields for fields in reader if any(map(_filled, fields))][1:]
    return [fields if any(map(_filled, fields[len(COLUMNS) :])) else fields[: len(COLUMNS)] for fields in rows]


def _filled(field: str) -> bool:
    return field.strip(" \t\r\n\xa0") != ""


def outcome(house: House, *files: Given) -> tuple[dict[int, tuple[str | None, str | None]], dict[tuple[str, int], dict[str, str]]]:
    """Loads the files as one batch: the table's rows by number, the raw fields of the rejected ones by file and row number."""
    house.load("notes", "batch", *files)
    table = {number: (one, two) for number, one, two in house.values("notes", *COLUMNS)}
    return table, {(found["source_file"], found["row_number"]): found["raw"] for found in house.rejects("notes")}


def expected(*files: tuple[str, list[list[str]]]) -> tuple[dict[int, tuple[str | None, str | None]], dict[tuple[str, int], dict[str, str]]]:
    """What `outcome` must be for files (name, records) of one time and of the header COLUMNS."""
    competing: dict[int, list[tuple[str, tuple[bool, str], tuple[bool, str]]]] = {}
    rejected: dict[tuple[str, int], dict[str, str]] = {}
    for name, rows in files:
        for place, fields in enumerate(rows, start=1):
            if len(fields) == len(COLUMNS) and re.fullmatch(" *[+-]?[0-9]{1,9} *", fields[0]):
                one, two = ((text.strip(" ") != "", text) for text in fields[1:])
                competing.setdefault(int(fields[0]), []).append((name, one, two))
            else:
                names = [*COLUMNS, *(f"(field {extra})" for extra in range(len(COLUMNS) + 1, len(fields) + 1))]
                rejected[name, place] = dict(zip(names, fields, strict=False))
    greatest = {number: max(rows) for number, rows in competing.items()}
    return {number: (_present(one), _present(two)) for number, (_, one, two) in greatest.items()}, rejected


def _present(value: tuple[bool, str]) -> str | None:
    return value[1] if value[0] else None
