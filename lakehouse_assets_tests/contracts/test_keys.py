"""Keys of several columns, and parents by them: what a contract may say, and each fault with its place."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.contracts import Parent
from lakehouse_assets_tests.contracts.support import child, column, faults, read, schema, things

Spoil = Callable[[dict[str, Any]], object]
BOTH = {"from": ["parts.thing_id", "parts.thing_label"], "to": ["things.id", "things.label"]}


def key(document: dict[str, Any], **positions: int | None) -> dict[str, Any]:
    """The document with these columns as its key; a column without a position: None."""
    for prop in schema(document)["properties"]:
        prop["primaryKey"] = prop["name"] in positions
        if positions.get(prop["name"]) is not None:
            prop["primaryKeyPosition"] = positions[prop["name"]]
    return document


def of_two_columns(*relationships: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Things with the key (id, label), and parts that refer to them by the relationships of the whole schema."""
    parts = things()
    parts["name"] = schema(parts)["name"] = "parts"
    schema(parts)["properties"] += [
        {"name": "thing_id", "logicalType": "integer", "physicalType": "int"},
        {"name": "thing_label", "logicalType": "string", "physicalType": "string"},
    ]
    schema(parts)["relationships"] = list(relationships)
    return {"things": key(things(), id=1, label=2), "parts": parts}


@pytest.mark.parametrize(
    ("positions", "keys"),
    [
        ({"id": None, "label": None}, ("id", "label")),
        ({"id": 2, "label": 1}, ("label", "id")),
        ({"id": -1, "label": -1}, ("id", "label")),
        ({"label": 7}, ("label",)),
    ],
)
def test_the_columns_of_a_key_are_in_the_order_of_their_positions(
    tmp_path: Path, positions: dict[str, int | None], keys: tuple[str, ...]
) -> None:
    assert read(tmp_path, things=key(things(), **positions))["things"].keys == keys


@pytest.mark.parametrize(
    "relationship", [BOTH, {**BOTH, "type": "foreignKey"}, {"from": BOTH["from"][::-1], "to": BOTH["to"][::-1]}]
)
def test_a_parent_by_several_columns_is_a_relationship_of_the_whole_schema(
    tmp_path: Path, relationship: dict[str, Any]
) -> None:
    contracts = read(tmp_path, **of_two_columns(relationship))
    [parent] = contracts["parts"].parents
    assert dict(zip(parent.columns, parent.keys, strict=True)) == {"thing_id": "id", "thing_label": "label"}
    assert list(contracts) == ["things", "parts"]


def test_the_reason_of_an_orphan_names_all_columns(tmp_path: Path) -> None:
    [parent] = read(tmp_path, **of_two_columns(BOTH))["parts"].parents
    assert parent.reason == "thing_id, thing_label: no such things (id, label)"


def test_a_parent_by_one_column_may_be_stated_for_the_whole_schema(tmp_path: Path) -> None:
    parts = child("parts", "things.id")
    del column(parts, "thing_id")["relationships"]
    schema(parts)["relationships"] = [{"from": "parts.thing_id", "to": "things.id"}]
    contracts = read(tmp_path, things=things(), parts=parts)
    assert contracts["parts"].parents == (Parent(("thing_id",), "things", ("id",)),)


def test_a_column_may_be_part_of_several_parents(tmp_path: Path) -> None:
    documents = of_two_columns(BOTH)
    documents["owners"] = things()
    documents["owners"]["name"] = schema(documents["owners"])["name"] = "owners"
    column(documents["parts"], "thing_id")["relationships"] = [{"to": "owners.id"}]
    assert [parent.columns for parent in read(tmp_path, **documents)["parts"].parents] == [
        ("thing_id",),
        ("thing_id", "thing_label"),
    ]


KEYS: dict[str, tuple[dict[str, int | None], Spoil, str]] = {
    "a position twice": (
        {"id": 1, "label": 1},
        lambda d: None,
        "the key's columns have primaryKeyPosition id: 1, label: 1; number them from 1 to 2, or none.",
    ),
    "a position left out": (
        {"id": 1, "label": None},
        lambda d: None,
        "the key's columns have primaryKeyPosition id: 1, label: None; number them from 1 to 2, or none.",
    ),
    "positions with a gap": (
        {"id": 1, "label": 3},
        lambda d: None,
        "the key's columns have primaryKeyPosition id: 1, label: 3; number them from 1 to 2, or none.",
    ),
    "a position of a column outside the key": (
        {"id": 1, "label": 2},
        lambda d: column(d, "price").update(primaryKeyPosition=3),
        "column price: primaryKeyPosition without primaryKey: set primaryKey, or remove the position.",
    ),
    "a column that may be missing": (
        {"id": 1, "label": 2},
        lambda d: column(d, "label").update(required=False),
        "key label must be required and of type bigint or int or smallint or string.",
    ),
    "a column of another type": (
        {"id": 1, "price": 2},
        lambda d: column(d, "price").update(required=True),
        "key price must be required and of type bigint or int or smallint or string.",
    ),
    "a calculated column": (
        {"id": 1, "label": 2},
        lambda d: column(d, "label").update(transformLogic="CASE WHEN id > 1 THEN 'a' ELSE 'b' END"),
        "column label: primaryKey is for columns of the files, and this one is calculated (transformLogic).",
    ),
    "a column that is unique by itself": (
        {"id": 1, "label": 2},
        lambda d: column(d, "id").update(unique=True),
        "column id: only the whole key (id, label) is checked for duplicates: remove unique.",
    ),
}


@pytest.mark.parametrize("case", KEYS)
def test_a_fault_of_a_key(tmp_path: Path, case: str) -> None:
    positions, spoil, expected = KEYS[case]
    document = key(things(), **positions)
    spoil(document)
    assert faults(tmp_path, things=document) == [f"things.odcs.yaml: {expected}"]


FROM = "write the columns of this dataset, each one once, as parts.column."
TO = "write the key columns of one parent as parent_dataset.key_column."
RELATIONSHIPS: dict[str, tuple[dict[str, Any], str]] = {
    "columns without their dataset": (
        {"from": ["thing_id", "thing_label"]},
        f"relationship 'from' is ['thing_id', 'thing_label']; {FROM}",
    ),
    "columns of another dataset": (
        {"from": ["things.id", "things.label"]},
        f"relationship 'from' is ['things.id', 'things.label']; {FROM}",
    ),
    "a column that there is not": (
        {"from": ["parts.thing_id", "parts.colour"]},
        f"relationship 'from' is ['parts.thing_id', 'parts.colour']; {FROM}",
    ),
    "a column twice": (
        {"from": ["parts.thing_id", "parts.thing_id"]},
        f"relationship 'from' is ['parts.thing_id', 'parts.thing_id']; {FROM}",
    ),
    "no columns": ({"from": None}, f"relationship 'from' is None; {FROM}"),
    "two parents in one relationship": (
        {"to": ["things.id", "owners.label"]},
        f"relationship 'to' is ['things.id', 'owners.label']; {TO}",
    ),
    "no parent": ({"to": []}, f"relationship 'to' is []; {TO}"),
    "fewer columns on one side": (
        {"to": ["things.id"]},
        "relationship from thing_id, thing_label: 'from' and 'to' must have the same number of columns.",
    ),
    "a parent that has no contract": (
        {"to": ["owners.id", "owners.label"]},
        "columns thing_id, thing_label: parent dataset 'owners' has no contract.",
    ),
    "columns that are not the parent's key": (
        {"to": ["things.id", "things.made_on"]},
        (
            "columns thing_id, thing_label: things (id, made_on) is not the key of things (id, label). State all"
            " columns of the key, in the relationships of the whole schema."
        ),
    ),
    "a key of another type": (
        {"to": ["things.label", "things.id"]},
        "column thing_id and things.label must have the same type.",
    ),
}


@pytest.mark.parametrize("case", RELATIONSHIPS)
def test_a_fault_of_a_relationship_of_the_whole_schema(tmp_path: Path, case: str) -> None:
    changed, expected = RELATIONSHIPS[case]
    assert faults(tmp_path, **of_two_columns(deepcopy(BOTH) | changed)) == [f"parts.odcs.yaml: {expected}"]


def test_a_calculated_column_refers_to_no_parent(tmp_path: Path) -> None:
    documents = of_two_columns(BOTH)
    column(documents["parts"], "thing_label").update(transformLogic="substring(label, 1, 3)", required=True)
    assert faults(tmp_path, **documents) == [
        "parts.odcs.yaml: column thing_label: relationships is for columns of the files, and this one is calculated."
    ]


def test_a_relationship_of_a_column_has_no_from(tmp_path: Path) -> None:
    parts = child("parts", "things.id")
    column(parts, "thing_id")["relationships"][0]["from"] = "parts.label"
    assert faults(tmp_path, things=things(), parts=parts) == [
        "parts.odcs.yaml: column thing_id: only a relationship of the whole schema has 'from': remove it."
    ]


def test_the_same_columns_have_one_parent(tmp_path: Path) -> None:
    assert faults(tmp_path, **of_two_columns(BOTH, BOTH)) == [
        "parts.odcs.yaml: columns thing_id, thing_label: more than one relationship; the same columns have one parent."
    ]


def test_one_column_cannot_refer_to_a_key_of_two(tmp_path: Path) -> None:
    documents = {"things": key(things(), id=1, label=2), "parts": child("parts", "things.id")}
    assert faults(tmp_path, **documents) == [
        (
            "parts.odcs.yaml: column thing_id: things.id is not the key of things (id, label). State all columns of the"
            " key, in the relationships of the whole schema."
        )
    ]
