"""A contract with an optional column of each type, so that a type's written form can be tested by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lakehouse_assets.contracts import Contracts, Kind
from lakehouse_assets_tests.contracts.support import read

PHYSICAL = {kind: "decimal(7,2)" if kind is Kind.DECIMAL else str(kind) for kind in Kind}
NAMES = ("id", *(f"{kind}_" for kind in Kind))


def kinds_contract(folder: Path) -> Contracts:
    """The dataset `kinds`: the key `id`, and for each type an optional column named as the type with `_` after it."""
    properties: list[dict[str, Any]] = [
        {"name": "id", "logicalType": "integer", "physicalType": "int", "required": True, "primaryKey": True}
    ]
    properties += [{"name": f"{kind}_", "physicalType": physical} for kind, physical in PHYSICAL.items()]
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "kinds",
        "name": "kinds",
        "version": "1.0.0",
        "status": "active",
    }
    return read(
        folder, kinds={**document, "schema": [{"name": "kinds", "logicalType": "object", "properties": properties}]}
    )


def of_texts(
    dataset: str, key: str, partition: str, *others: str, parent: str | None = None, rule: str | None = None
) -> dict[str, Any]:
    """The document of a dataset whose columns are texts. `parent`: what the key refers to; `rule`: a predicate that a
    row must not break.
    """
    properties: list[dict[str, Any]] = [
        {"name": name, "logicalType": "string", "physicalType": "string"} for name in (key, partition, *others)
    ]
    properties[0] |= {"required": True, "primaryKey": True} | (
        {"relationships": [{"type": "foreignKey", "to": parent}]} if parent else {}
    )
    properties[1] |= {"required": True, "partitioned": True}
    quality = (
        [{"name": "a rule", "type": "custom", "engine": "lakehouse", "severity": "reject", "implementation": rule}]
        if rule
        else []
    )
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": dataset,
        "name": dataset,
        "version": "1.0.0",
        "status": "active",
    }
    return {
        **document,
        "schema": [{"name": dataset, "logicalType": "object", "properties": properties, "quality": quality}],
    }
