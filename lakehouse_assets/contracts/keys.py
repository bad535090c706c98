"""Reads the key of a dataset and its parents. Both may have one column or several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from open_data_contract_standard.model import SchemaObject, SchemaProperty

from lakehouse_assets.contracts.model import WHOLE_NUMBERS, Contract, Kind, Parent

Fault = Callable[[str], None]
KEY_KINDS = {*WHOLE_NUMBERS, Kind.STRING}


def read_keys(schema: SchemaObject, fault: Fault) -> tuple[str, ...]:
    """Returns the columns of the key (`primaryKey`) by their `primaryKeyPosition`; without any position, in the order
    of the document.
    """
    found = [prop for prop in schema.properties or [] if prop.primaryKey]
    names = [prop.name or "" for prop in found]
    if not found:
        fault("no column is primaryKey: one is needed to tell rows apart.")
    for prop in found:
        if prop.unique and len(found) > 1:
            fault(
                f"column {prop.name}: only the whole key ({', '.join(names)}) is checked for duplicates: remove unique."
            )
    # -1 is the standard's default.
    positioned = [prop for prop in schema.properties or [] if prop.primaryKeyPosition not in (None, -1)]
    for prop in positioned:
        if not prop.primaryKey:
            fault(f"column {prop.name}: primaryKeyPosition without primaryKey: set primaryKey, or remove the position.")
    positions = [prop.primaryKeyPosition or 0 for prop in positioned if prop.primaryKey]
    if len(found) < 2 or not positions:
        return tuple(names)
    if sorted(positions) != list(range(1, len(found) + 1)):
        stated = ", ".join(f"{prop.name}: {prop.primaryKeyPosition}" for prop in found)
        fault(f"the key's columns have primaryKeyPosition {stated}; number them from 1 to {len(found)}, or none.")
        return tuple(names)
    return tuple(prop.name or "" for prop in sorted(found, key=lambda prop: prop.primaryKeyPosition or 0))


def read_parents(schema: SchemaObject, fault: Fault) -> tuple[Parent, ...]:
    """Returns the parents: those stated at columns, then those of the whole schema, which may have several columns."""
    of_columns = [parent for prop in schema.properties or [] for parent in _parents_of_column(prop, fault)]
    of_schema = list(_parents_of_schema(schema, fault))
    for parent in of_schema:
        if sum(set(other.columns) == set(parent.columns) for other in (*of_columns, *of_schema)) > 1:
            fault(f"{_columns(parent)}: more than one relationship; the same columns have one parent.")
            break
    return (*of_columns, *of_schema)


def fault_of_parent(contract: Contract, parent: Parent, by_dataset: Mapping[str, Contract]) -> str | None:
    """Returns what is wrong with a parent, given all contracts; None if it is right. What cannot be told, because a
    column or the parent's key has a fault of its own, is not wrong.
    """
    target = by_dataset.get(parent.dataset)
    if target is None:
        return f"{_columns(parent)}: parent dataset {parent.dataset!r} has no contract."
    if not target.keys:
        return None
    if sorted(target.keys) != sorted(parent.keys):
        whole = ""
        if len(target.keys) > 1:
            whole = " State all columns of the key, in the relationships of the whole schema."
        return (
            f"{_columns(parent)}: {parent.target} is not the key of {target.dataset} ({', '.join(target.keys)}).{whole}"
        )
    for column, key in zip(parent.columns, parent.keys, strict=True):
        known = column in contract.names and key in target.names
        if known and contract.column(column).kind != target.column(key).kind:
            return f"column {column} and {parent.dataset}.{key} must have the same type."
    return None


def _parents_of_column(prop: SchemaProperty, fault: Fault) -> Iterator[Parent]:
    if len(prop.relationships or []) > 1:
        fault(f"column {prop.name}: {len(prop.relationships or [])} relationships; a column has one parent.")
    for relationship in prop.relationships or []:
        target = relationship.to
        if relationship.from_ is not None:
            fault(f"column {prop.name}: only a relationship of the whole schema has 'from': remove it.")
        if not isinstance(target, str) or target.count(".") != 1:
            fault(f"column {prop.name}: relationship 'to' is {target!r}; write it as parent_dataset.key_column.")
        else:
            dataset, key = target.split(".")
            yield Parent((prop.name or "",), dataset, (key,))


def _parents_of_schema(schema: SchemaObject, fault: Fault) -> Iterator[Parent]:
    present = {prop.name for prop in schema.properties or []}
    calculated = [prop.name for prop in schema.properties or [] if prop.transformLogic is not None]
    for relationship in schema.relationships or []:
        own, other = _references(relationship.from_), _references(relationship.to)
        if own is None or own[0] != schema.name or not present.issuperset(own[1]) or len(set(own[1])) < len(own[1]):
            fault(
                f"relationship 'from' is {relationship.from_!r}; write the columns of this dataset, each one once, as"
                f" {schema.name}.column."
            )
        elif derived := next((name for name in own[1] if name in calculated), None):
            fault(f"column {derived}: relationships is for columns of the files, and this one is calculated.")
        elif other is None:
            fault(
                f"relationship 'to' is {relationship.to!r}; write the key columns of one parent as"
                " parent_dataset.key_column."
            )
        elif len(own[1]) != len(other[1]):
            fault(f"relationship from {', '.join(own[1])}: 'from' and 'to' must have the same number of columns.")
        else:
            yield Parent(own[1], *other)


def _references(stated: Any) -> tuple[str, tuple[str, ...]] | None:
    """The dataset and the columns of one reference `dataset.column`, or of a list of them; None if they are not
    references to columns of one dataset.
    """
    references = stated if isinstance(stated, list) else [stated]
    if not references or not all(isinstance(each, str) and each.count(".") == 1 for each in references):
        return None
    datasets, columns = zip(*(each.split(".") for each in references), strict=True)
    return (datasets[0], tuple(columns)) if len(set(datasets)) == 1 else None


def _columns(parent: Parent) -> str:
    return f"column{'s' * (len(parent.columns) > 1)} {', '.join(parent.columns)}"
