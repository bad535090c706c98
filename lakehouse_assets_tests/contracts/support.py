"""A small right contract to spoil, and what a folder of contracts says when it is read."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from lakehouse_assets.contracts import Contracts, read_contracts
from lakehouse_assets.errors import BadConfiguration

THINGS: dict[str, Any] = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "test-things",
    "name": "things",
    "version": "1.0.0",
    "status": "active",
    "schema": [
        {
            "name": "things",
            "logicalType": "object",
            "physicalType": "table",
            "properties": [
                {"name": "id", "logicalType": "integer", "physicalType": "int", "required": True, "primaryKey": True},
                {"name": "label", "logicalType": "string", "physicalType": "string", "required": True},
                {"name": "price", "logicalType": "number", "physicalType": "double"},
                {"name": "made_on", "logicalType": "date", "physicalType": "date", "required": True},
            ],
        }
    ],
}
RULE = {"name": "dear", "type": "custom", "engine": "lakehouse", "severity": "warn", "implementation": "price > 100"}


def things() -> dict[str, Any]:
    return deepcopy(THINGS)


def schema(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["schema"][0]
    return found


def column(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(prop for prop in schema(document)["properties"] if prop["name"] == name)
    return found


def child(name: str, parent: str, parent_column: str = "thing_id") -> dict[str, Any]:
    """A contract whose rows have a parent."""
    document = things()
    document["name"] = schema(document)["name"] = name
    schema(document)["properties"].append(
        {
            "name": parent_column,
            "logicalType": "integer",
            "physicalType": "int",
            "relationships": [{"type": "foreignKey", "to": parent}],
        }
    )
    return document


def written(folder: Path, **documents: Any) -> Path:
    """Writes each document (an object, or the file's text) as <name>.odcs.yaml."""
    for name, document in documents.items():
        text = document if isinstance(document, str) else yaml.safe_dump(document, allow_unicode=True)
        (folder / f"{name}.odcs.yaml").write_text(text, "utf-8")
    return folder


def read(folder: Path, **documents: Any) -> Contracts:
    return read_contracts(written(folder, **documents))


def faults(folder: Path, **documents: Any) -> list[str]:
    """What is wrong with the documents, one text each, as the message lists them, without the lines."""
    with pytest.raises(BadConfiguration) as caught:
        read(folder, **documents)
    first, *lines = str(caught.value).split("\n  - ")
    assert first == "The contracts cannot be used:"
    return [re.sub(r"^(\S+), line \d+: ", r"\1: ", line) for line in lines]
