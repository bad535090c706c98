"""Reads one column of a contract: an entry of the schema's `properties`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from open_data_contract_standard.model import SchemaObject, SchemaProperty

from lakehouse_assets.contracts.forms import FORM_WORDS, read_form
from lakehouse_assets.contracts.model import PROVENANCE, Column, Kind, WhenAbsent
from lakehouse_assets.contracts.types import read_type
from lakehouse_assets.spelling import loosened, plain

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
RESERVED = {
    *PROVENANCE,
    "broken",
    "warned",
    "reasons",
    "verdict",
    "raw",
    "place",
    "row_number",
    "row_id",
    "rowid",
    "file_no",
    "file_index",
    "block",
    "record_id",
    "parent_key",
}
"""Column names that the engines' own tables use."""
TRUE_VALUES, FALSE_VALUES = ("true", "True", "TRUE", "1"), ("false", "False", "FALSE", "0")
"""What a boolean's texts mean unless the contract says otherwise; those of Frictionless' Table Schema."""
FILE_WORDS = ("missingValues", "whenAbsent", "trueValues", "falseValues", "sample")
Fault = Callable[[str], None]


@dataclass(frozen=True)
class Defaults:
    """What the schema says for all its columns."""

    when_absent: WhenAbsent
    missing_values: tuple[str, ...]


def read_defaults(schema: SchemaObject, fault: Fault) -> Defaults:
    """Reports the faults of what the schema says for all its columns."""
    return Defaults(
        read_when_absent(schema, WhenAbsent.KEEP, "schema", fault),
        texts(schema, "missingValues", lambda text: fault(f"schema: {text}")) or (),
    )


def read_column(prop: SchemaProperty, defaults: Defaults, fault: Fault) -> Column | None:
    """Returns the column, and reports each fault. Returns None if it cannot be used to check others."""
    name = prop.name or ""
    if not IDENTIFIER.match(name):
        return fault(f"column name {name!r} must be lower-case letters, digits and '_', starting with a letter.")
    if name in RESERVED:
        return fault(f"column {name}: the name is used by the lakehouse itself; choose another.")
    faults: list[str] = []
    _refuse_unsupported(prop, faults.append)
    when_absent = read_when_absent(prop, defaults.when_absent, f"column {name}", fault)
    missing = texts(prop, "missingValues", faults.append)
    headers = _headers(prop, faults.append)
    typed = read_type(prop, faults.append)
    if typed is None:
        return _report(name, faults, fault)
    kind, digits = typed
    sample = custom(prop, "sample")
    true, false = _true_and_false(prop, kind, faults.append)
    column = Column(
        name,
        kind,
        required=bool(prop.required),
        description=" ".join((prop.description or "").split()),
        sample=None if sample is None else str(sample),
        when_absent=when_absent,
        digits=digits,
        true_values=true,
        false_values=false,
        missing_values=defaults.missing_values if missing is None else missing,
        headers=headers,
        form=read_form(prop, kind, digits, partial(custom, prop), faults.append),
        derived=prop.transformLogic,
    )
    if both := sorted({*column.missing_values} & {*column.true_values, *column.false_values}):
        faults.append(f"{', '.join(map(repr, both))} cannot be both in missingValues and the text of a boolean.")
    can_be_used = not faults
    if prop.transformLogic is not None:  # What is refused beside an expression leaves nothing of it unclear.
        _refuse_for_derived(prop, faults.append)
    _report(name, faults, fault)
    return column if can_be_used else None


def _report(name: str, faults: list[str], fault: Fault) -> None:
    for text in faults:
        fault(f"column {name}: {text}")


def read_when_absent(owner: SchemaObject | SchemaProperty, default: WhenAbsent, what: str, fault: Fault) -> WhenAbsent:
    said = custom(owner, "whenAbsent")
    if said is None:
        return default
    if said not in set(WhenAbsent):
        fault(f"{what}: custom property whenAbsent {said!r} must be one of {', '.join(WhenAbsent)}.")
        return default
    return WhenAbsent(said)


def custom(owner: SchemaObject | SchemaProperty, name: str) -> Any:
    """The value of a custom property; None if there is none."""
    return next((c.value for c in owner.customProperties or [] if c.property == name), None)


def texts(owner: SchemaObject | SchemaProperty, name: str, fault: Fault) -> tuple[str, ...] | None:
    """A custom property that is a list of texts; None if it is not there. Spaces around a text in a file are ignored,
    so the texts have none.
    """
    given = custom(owner, name)
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(text, str) and text.isprintable() for text in given):
        fault(f"{name} must be a list of texts in quotes, without line breaks, such as ['NULL', 'NA'].")
        return ()
    if any(text != text.strip() or not text for text in given):
        fault(f"{name} has a text that is empty or has spaces around it: write it without.")
    return tuple(dict.fromkeys(given))


def ambiguous_headers(columns: Sequence[Column]) -> Iterator[str]:
    """Yields a fault for each name that a file's header cannot tell from that of another column."""
    known: dict[str, str] = {}
    for text, column in (*((c.name, c) for c in columns), *((header, c) for c in columns for header in c.headers)):
        other = known.setdefault(loosened(plain(text)), column.name)
        if other != column.name:
            yield (
                f"column {column.name}: its name in files {text!r} (physicalName or a synonym) means column {other},"
                " too: give each column names of its own."
            )


def _headers(prop: SchemaProperty, fault: Fault) -> tuple[str, ...]:
    """The names that the column has in files beside its own: its physicalName and its synonyms."""
    given = [prop.physicalName, *(synonym.synonym or "" for synonym in prop.synonyms or [])]
    found = [text for text in given if text is not None]
    for text in found:
        if not plain(text) or not text.isprintable():
            fault(f"{text!r} cannot be a column's name in files (physicalName or a synonym): it needs visible letters.")
    return tuple(dict.fromkeys(text for text in found if text != prop.name))


def _true_and_false(prop: SchemaProperty, kind: Kind, fault: Fault) -> tuple[tuple[str, ...], tuple[str, ...]]:
    true, false = texts(prop, "trueValues", fault), texts(prop, "falseValues", fault)
    if kind is not Kind.BOOLEAN:
        if true is not None or false is not None:
            fault("trueValues and falseValues are for columns of type boolean.")
        return (), ()
    if (true is None) != (false is None):
        fault("trueValues and falseValues need each other: the default of one may be a text of the other.")
        return (), ()
    true, false = (TRUE_VALUES, FALSE_VALUES) if true is None or false is None else (true, false)
    if both := sorted({*true} & {*false}):
        fault(f"{', '.join(map(repr, both))} cannot mean both true and false.")
    if not true or not false:
        fault("trueValues and falseValues need at least one text each.")
    return true, false


def _refuse_for_derived(prop: SchemaProperty, fault: Fault) -> None:
    """Reports what only a column of the files can have, beside transformLogic."""
    for word, value in (
        ("primaryKey", prop.primaryKey),
        ("relationships", prop.relationships),
        ("physicalName", prop.physicalName),
        ("synonyms", prop.synonyms),
        *((word, custom(prop, word)) for word in (*FILE_WORDS, *FORM_WORDS)),
    ):
        if value:
            fault(f"{word} is for columns of the files, and this one is calculated (transformLogic).")


def _refuse_unsupported(prop: SchemaProperty, fault: Fault) -> None:
    """Reports the words of the standard that would change what a column is, and that this project does not read."""
    if prop.unique and not prop.primaryKey:
        fault("only the key is checked for duplicates: set primaryKey, or remove unique.")
    if prop.properties or prop.items or prop.map:
        fault("properties, items and map are not supported: a CSV file has no nested values.")
    if prop.semanticType not in (None, "column"):
        fault(f"semanticType {prop.semanticType!r} is not supported: each property is a column of the table.")
    if prop.encryptedName is not None:
        fault("encryptedName is not supported: describe the encrypted column as a column of its own.")
