"""The page of the contract language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from docs_reference.contract_rules import (
    EXAMPLE,
    OF_SEVERAL_COLUMNS,
    REFUSED,
    REFUSED_RULES,
    RULES,
    example_contract,
    refusal,
    refusal_of_rule,
)
from docs_reference.contract_words import WORDS
from docs_reference.markdown import block, bullets, code, page, paragraph, plain, table
from docs_reference.word import DOCUMENT, ENUM, OPTIONS, PLACES, QUALITY, RELATIONSHIP, SERVER, SYNONYM, TEAM, Word
from lakehouse_assets.contracts import Column, Kind
from lakehouse_assets.contracts.columns import RESERVED
from lakehouse_assets.contracts.derived import MORE_SYNTAX
from lakehouse_assets.etl.engines.embedded.delta import delta_type
from lakehouse_assets.etl.plan.trial import duckdb_type
from lakehouse_assets.etl.plan.types import FORMS
from lakehouse_assets.written import LETTERS

STANDARD = "https://bitol-io.github.io/open-data-contract-standard/"
INTRODUCTION = (
    f"A dataset is one document of the [Open Data Contract Standard]({STANDARD}) (ODCS), version 3, in a file"
    " `*.odcs.yaml`. This page lists every word that is read or refused. Other words of the standard only describe:"
    " they may be there, and nothing depends on them. All faults of all documents are reported in one message."
)
KEY_TEXT = (
    "Two rows of the first contract have the same key if both columns are equal. Each column of a key is required: a"
    " row that lacks one is rejected. A rejected record has the key as one text, such as `17, 2`: the texts of its"
    " columns by position. `lakehouse rejects --key '17, 2'` finds it. The second contract refers to the first by both"
    " columns. A row that lacks one of them (here `scan_number`) refers to no parent, and is loaded."
)
LONGEST = 100
"""Characters of an example; the whole contract is on the page."""
TYPES = (
    "A type is a written form: a pattern and a range. It is not what the cast of an engine accepts. Spaces around a"
    " value are ignored, except in a string. A text that is empty, or of spaces only, is a missing value."
)
IN_ENGINES = (
    "Each engine reads a value by the same SQL text, so it accepts and rejects the same texts. This is what a column"
    " becomes:"
)
MONEY = (
    "Amounts of money are decimals, because a double only approximates most of them. The shipped contract of orders"
    " keeps `total_amount` a double, as the files of its example have it. Change its physicalType to `decimal(10,2)`"
    " before the table exists; a table that exists has to be migrated."
)
FORM_TEXT = (
    "A column may declare another form than that of its type: decimalChar, groupChar and percent for numbers, format,"
    " defaultTimezone, unixTime and zoneNames for dates and timestamps. Only this form is read, nothing is guessed,"
    " and a row with another one is rejected. Cells of workbooks that are numbers, dates or booleans are written in the"
    " declared form. A format has these letters, those of the JDK's DateTimeFormatter. Brackets are around what may be"
    " left out, and texts in single quotes are taken as they are: `dd.MM.yyyy HH:mm[:ss]`, `yyyy-MM-dd '00:00:00'`."
)
MEANINGS = {
    **{letters: meaning for letters, meaning in LETTERS.items() if meaning not in ("fraction", "offset", "zone")},
    "S to SSSSSSSSS": "decimals of a second, one for each letter; after the sixth they must be zeros",
    "X, XX, XXX": "an offset such as +02, +0200 or +02:00, or Z",
    "x, xx, xxx, Z": "an offset such as +02, +0200, +02:00 or +0200, without Z",
    "z": "the name of a time zone, see zoneNames",
}
CALCULATED = (
    "`transformLogic` is an expression over columns of the files. It may use what a [row rule](#row-rules) may, and"
    f" {MORE_SYNTAX.replace('CAST(date', '`CAST(date', 1).replace(', date', '`, `date')}`. Its type must be that of"
    " the column; arithmetic gives a double. The day, the month and the hour of a timestamp are those of UTC."
    " A number that the type cannot hold becomes a missing value. The value is"
    " validated like others: by `required`, bounds, allowed values and rules, and it may be the partition. A column of"
    " the same name in a file is not read, and the report says so. A column that a file may lack while its value in the"
    " table stays (`whenAbsent: keep`) cannot be used."
)
RULE_TEXT = (
    "A row rule is a deterministic SQL predicate over the columns of one row: it gives the same result in DuckDB and"
    " Spark, never raises an error, and does not depend on the current time. A row breaks a rule for which it is FALSE."
    " A row for which it is NULL, because a value is missing, does not. Arithmetic is done in doubles. The columns of"
    " the examples are those of the example contract."
)


def _types_in_engines() -> Iterator[tuple[str, str, str, str]]:
    for kind in Kind:
        column = Column("x", kind, required=False, description="", digits=(10, 2) if kind is Kind.DECIMAL else None)
        in_delta = delta_type(column.type).type
        yield code(column.type), code(column.type), code(duckdb_type(column).upper()), code(in_delta)


def contracts_page() -> str:
    """docs/reference/contracts.md"""
    return page(
        "Contracts",
        INTRODUCTION,
        "## An example",
        "This contract has every word of this page, except those that only keys and parents of several columns need.",
        block(EXAMPLE.read_text("utf-8"), "yaml"),
        "## Keys and parents of several columns",
        paragraph(KEY_TEXT),
        *(block(example.read_text("utf-8"), "yaml") for example in OF_SEVERAL_COLUMNS),
        "## Words",
        *(part for place in PLACES for part in _place(place)),
        "## Types",
        paragraph(TYPES),
        bullets(f"{code(kind)}: {plain(FORMS[kind])}." for kind in Kind),
        paragraph(IN_ENGINES),
        table(("physicalType", "Spark, Glue's catalog", "DuckDB", "Delta table"), _types_in_engines()),
        paragraph(MONEY),
        "## Forms",
        paragraph(FORM_TEXT),
        bullets(f"{code(letters)}: {meaning}" for letters, meaning in MEANINGS.items()),
        paragraph(f"Reserved names of columns: {', '.join(map(code, sorted(RESERVED)))}."),
        "## Calculated columns",
        paragraph(CALCULATED),
        bullets(
            f"{code(c.name)}, a {c.type}: {code(c.derived or '')}" for c in example_contract().columns if c.derived
        ),
        "## Row rules",
        paragraph(RULE_TEXT),
        bullets(f"{code(name) if name != 'comparisons' else name}: {code(rule)}" for name, rule in RULES.items()),
        "### Refused rules",
        bullets(
            f"{code(rule)}: {plain(refusal_of_rule(rule).partition(' A rule may use:')[0])}" for rule in REFUSED_RULES
        ),
        "## Refused contracts",
        bullets(f"{title}: {code(refusal(change))}" for title, change in REFUSED.items()),
    )


def example_of(word: Word) -> str | None:
    """The word as the first example contract that has it, on one line of YAML; None if that is too long. Raises
    KeyError for a word that none of them has."""
    examples = [yaml.safe_load(path.read_text("utf-8")) for path in (EXAMPLE, *OF_SEVERAL_COLUMNS)]
    for found in (each for example in examples for each in _objects(example, word.place)):
        if not word.custom and word.name in found:
            written = f"{word.name}: {_flow(found[word.name])}"
            return written if len(written) <= LONGEST else None
        for custom in found.get("customProperties", ()) if word.custom else ():
            if custom["property"] == word.name:
                return _flow(custom)
    raise KeyError(word.name)


def is_stated(word: Word) -> bool:
    """Whether a contract may hold the word at all."""
    return word.values != "must be absent"


def _place(place: str) -> Iterator[str]:
    yield f"### {PLACES[place]}"
    yield "\n".join(_word(word) for word in WORDS if word.place == place)


def _word(word: Word) -> str:
    name = f"{code(word.name)}{' (an entry of `customProperties`)' if word.custom else ''}"
    lines = [paragraph(f"{name}: {plain(word.meaning)}", "- ", "  ")]
    if is_stated(word):
        lines.append(paragraph(f"Values: {word.values}", "    - ", "      "))
        if example := example_of(word):
            lines.append(paragraph(f"Example: {code(example)}", "    - ", "      "))
    return "\n".join(lines)


def _objects(document: dict[str, Any], place: str) -> list[dict[str, Any]]:
    """The objects of a document that stand in a place."""
    schema = document["schema"][0]
    columns = schema["properties"]
    objects: dict[str, list[dict[str, Any]]] = {
        DOCUMENT: [document],
        TEAM: [document["team"]] if "team" in document else [],
        SERVER: document.get("servers", []),
        SYNONYM: [synonym for column in columns for synonym in column.get("synonyms", ())],
        "schema": [schema],
        "properties": columns,
        OPTIONS: [column["logicalTypeOptions"] for column in columns if "logicalTypeOptions" in column],
        ENUM: [value for column in columns for value in column.get("enum", ())],
        RELATIONSHIP: [parent for owner in (schema, *columns) for parent in owner.get("relationships", ())],
        QUALITY: [rule for owner in (schema, *columns) for rule in owner.get("quality", ())],
    }
    return objects[place]


def _flow(value: Any) -> str:
    """A value as YAML on one line. (The dumper ends a scalar's document with three dots.)"""
    written = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000, allow_unicode=True)
    return written.removesuffix("...\n").strip()
