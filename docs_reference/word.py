"""The form of an entry of the reference of contracts, and the objects of a document in which words stand."""

from __future__ import annotations

from dataclasses import dataclass

from docs_reference.markdown import code


@dataclass(frozen=True)
class Word:
    """A word that is read. `place`: the object of the document that it stands in. `custom`: it is the name of an entry
    of `customProperties`, with a value, rather than a key."""

    place: str
    name: str
    meaning: str
    values: str
    custom: bool = False


def any_of(values: object) -> str:
    return ", ".join(code(value) for value in values)  # type: ignore[attr-defined]


DOCUMENT, TEAM, SERVER, SCHEMA, PROPERTY, SYNONYM, OPTIONS, ENUM, RELATIONSHIP, QUALITY = (
    "document",
    "team",
    "servers",
    "schema",
    "properties",
    "synonyms",
    "logicalTypeOptions",
    "enum",
    "relationships",
    "quality",
)
PLACES = {
    DOCUMENT: "The document",
    TEAM: "The team",
    SERVER: "Where files come from: an entry of `servers`",
    SCHEMA: "The dataset: the one entry of `schema`",
    PROPERTY: "A column: an entry of `properties`",
    SYNONYM: "Another name of a column: an entry of `synonyms`",
    OPTIONS: "Bounds and the form of a column: `logicalTypeOptions`",
    ENUM: "An allowed value: an entry of `enum`",
    RELATIONSHIP: "A parent: an entry of `relationships`, of the dataset or of a column",
    QUALITY: "A row rule: an entry of `quality`, of the dataset or of a column",
}
"""The objects of a document, in the order of the page."""

TEXT, YES_OR_NO = "a text", "`true` or `false`"
NUMBER_COLUMN = "a number; for columns of numbers"
