"""A contract with an optional column of each type, so that a type's written form can be tested by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lakehouse_assets.contracts import Contracts, Kind
from lakehouse_assets_tests.contracts.support import read

LOGICAL = {Kind.INT: "integer", Kind.BIGINT: "integer", Kind.DOUBLE: "number", Kind.STRING: "string", Kind.DATE: "date", Kind.TIMESTAMP: "timestamp"}
NAMES = ("id", *(f"{kind}_" for kind in Kind))


def kinds_contract(folder: Path) -> Contracts:
    """The dataset `kinds`: the key `id`, and for each type an optional column named as the type with `_` after it."""
    properties: list[dict[str, Any]] = [{"name": "id", "logicalType": "integer", "physicalType": "int", "required": True, "primaryKey": True}]
    properties += [{"name": f"{kind}_", "logicalType": LOGICAL[kind], "physicalType": str(kind)} for kind in Kind]
    document = {"apiVersion": "v3.1.0", "kind": "DataContract", "id": "kinds", "name": "kinds", "version": "1.0.0", "status": "active"}
    return read(folder, kinds={**document, "schema": [{"name": "kinds", "logicalType": "object", "properties": properties}]})
