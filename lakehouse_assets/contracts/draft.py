"""Writes a draft of a contract from the facts about a file's columns. What the file shows is stated; what it only
suggests is a comment, for the person who corrects the draft.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from lakehouse_assets.contracts.columns import IDENTIFIER, RESERVED
from lakehouse_assets.contracts.encodings import UTF_8
from lakehouse_assets.contracts.keys import KEY_KINDS
from lakehouse_assets.contracts.model import NUMBERS, Contract, Form, Kind, NumberForm
from lakehouse_assets.contracts.reader import RESERVED_DATASETS, VERSION_KINDS
from lakehouse_assets.spelling import loosened, plain

LOGICAL_TYPES = {
    Kind.INT: "integer",
    Kind.BIGINT: "integer",
    Kind.DOUBLE: "number",
    Kind.BOOLEAN: "boolean",
    Kind.STRING: "string",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamp",
}
LONGEST_NAME = 50
LIKE_AN_ID = re.compile(r"(?!field_).*(id|(\A|_)(code|key|no|nr|number|sku))\Z")
"""Names of columns that tell things apart, such as customer_id, customerid, lineitem_sku and beleg_nr."""
CHANGED = re.compile(r"updated|modified|changed|version")
"""In the name of a column that may say which of two rows is newer."""


@dataclass(frozen=True)
class ColumnFacts:
    """What a file's rows say of a column. `header`: its name in the file. `is_unique`: each row has a value of its own.
    `least`, `most`: of its values. `values`: all of them, if it is a text with a few that occur again and again.
    `form`: that of its values, if it is not that of the type; `either`: forms of which one is meant. `missing`: words
    for missing values that occur. `digits`: of numbers that are exact as a decimal, its digits and decimals.
    """

    name: str
    header: str
    kind: Kind
    required: bool
    is_unique: bool
    least: Any
    most: Any
    values: tuple[str, ...] = ()
    form: Form | None = None
    either: tuple[Form, ...] = ()
    missing: tuple[str, ...] = ()
    digits: tuple[int, int] | None = None


def column_names(headers: Sequence[str]) -> list[str | None]:
    """The names that a contract gives to the columns of a file; None to one whose name in the file cannot be told from
    others: without a visible letter, or there twice.
    """
    written = [loosened(plain(header)) for header in headers]
    names: list[str | None] = []
    for place, (header, known) in enumerate(zip(headers, written, strict=True)):
        if not plain(header) or not in_one_line(header).isprintable() or known in written[:place]:
            names.append(None)
            continue
        letters = unicodedata.normalize("NFKD", plain(header))
        base = re.sub(r"[^a-z0-9]+", "_", "".join(each for each in letters if not unicodedata.combining(each)))
        base = base.strip("_")[:LONGEST_NAME] or str(place + 1)
        if not IDENTIFIER.match(base) or base in RESERVED:
            base = f"field_{base}"
        others = {*names, *(other for other in written if other != known)}
        numbered = (f"{base}_{number}" for number in count(2))
        names.append(base if base not in others else next(name for name in numbered if name not in others))
    return names


def in_one_line(header: str) -> str:
    """A name in a file as a contract states it: without line breaks and invisible characters."""
    return " ".join("".join(each for each in header if unicodedata.category(each) != "Cf").split())


def dataset_name(file: str) -> str:
    """The name of a dataset, from the name of its file without dates and numbers: `Orders_2025-04.csv` is `orders`."""
    words = [word for word in re.split(r"[^a-z0-9]+", file.casefold().split(".")[0]) if word and not word.isdigit()]
    name = "_".join(words)
    return name if IDENTIFIER.match(name) and name not in RESERVED_DATASETS else "dataset"


@dataclass(frozen=True)
class Facts:
    """What files show: the number of their `rows`, and their columns. `pairs`: two columns each that have other values
    in each row together, looked for if no column has by itself.
    """

    rows: int
    columns: tuple[ColumnFacts, ...]
    pairs: tuple[tuple[str, str], ...] = ()


def able_keys(columns: Sequence[ColumnFacts], dataset: str) -> list[ColumnFacts]:
    """The columns that can be a key, alone or with others: first those that are named like an identifier."""
    able = [column for column in columns if column.required and column.kind in KEY_KINDS]
    own = {"id", f"{dataset}_id", f"{dataset.removesuffix('s')}_id"}
    return sorted(able, key=lambda column: (column.name not in own, not LIKE_AN_ID.match(column.name)))


def draft(
    dataset: str,
    facts: Facts,
    left_out: Sequence[str],
    there: Sequence[Contract],
    origin: str,
    encoding: str = UTF_8,
) -> str:
    """The document, as YAML. `left_out`: headers that no column can be named after. `there`: contracts whose keys the
    columns may refer to. `origin`: the files, in words. `encoding`: that of the files. A column that can be a key must
    be there.
    """
    columns = facts.columns
    able = able_keys(columns, dataset)
    unique = [(column.name,) for column in able if column.is_unique] or facts.pairs
    key = unique[0] if unique else (able[0].name,)
    lines = [
        f"# A draft from {origin}, by `lakehouse contract new`. Correct it, and fill in the descriptions.",
        "# A comment below a column is what the values suggest: remove the # to make it a rule.",
        "apiVersion: v3.1.0",
        "kind: DataContract",
        f"id: {dataset}",
        f"name: {dataset}",
        "version: 1.0.0",
        "status: draft",
        *([] if encoding == UTF_8 else ["servers:", f"  - {{server: files, type: custom, encoding: {encoding}}}"]),
        "schema:",
        f"  - name: {dataset}",
        "    logicalType: object",
        "    physicalType: table",
        f'    description: "The rows of {dataset}."',
        *_versions(columns),
        *(f"    # The column {json.dumps(header)} is left out: rename it in the file." for header in left_out),
        "    properties:",
    ]
    for column in columns:
        lines += _property(column, key, dataset, there, is_unique=bool(unique))
    return "\n".join(lines) + "\n"


def _versions(columns: Sequence[ColumnFacts]) -> Iterator[str]:
    for column in columns:
        if column.required and column.kind in VERSION_KINDS and CHANGED.search(column.name):
            yield "    # If it says which of two rows with one key is newer:"
            yield f"    # customProperties: [{{property: version, value: {column.name}}}]"
            return


def _property(
    column: ColumnFacts, key: tuple[str, ...], dataset: str, there: Sequence[Contract], *, is_unique: bool
) -> Iterator[str]:
    yield f"      - name: {column.name}"
    yield f"        description: {json.dumps(column.header.strip(), ensure_ascii=False)}"
    yield f"        logicalType: {LOGICAL_TYPES[column.kind]}"
    exact = f" # or decimal({column.digits[0]},{column.digits[1]}), which is exact" if column.digits else ""
    yield f"        physicalType: {column.kind}{exact}"
    if in_one_line(column.header) != column.name:
        yield f"        physicalName: {json.dumps(in_one_line(column.header), ensure_ascii=False)}"
    yield f"        required: {str(column.required).lower()}"
    yield from _written(column)
    if column.name in key:
        yield "        primaryKey: true" if is_unique else "        primaryKey: true # not unique: choose the right key"
        if len(key) > 1:
            yield f"        primaryKeyPosition: {key.index(column.name) + 1}"
    elif column.is_unique and column.kind in KEY_KINDS:
        yield "        # each value occurs once: it may be the key"
    if column.values:
        listed = ", ".join(f"{{value: {json.dumps(value, ensure_ascii=False)}}}" for value in column.values)
        yield f"        # enum: [{listed}]"
    elif column.kind in NUMBERS and column.least is not None:
        yield f"        # logicalTypeOptions: {{minimum: {column.least}, maximum: {column.most}}}"
    elif column.kind in (Kind.DATE, Kind.TIMESTAMP) and column.least is not None:
        yield f"        # from {column.least} to {column.most}"
    if key != (column.name,):
        for parent in there:
            if parent.dataset != dataset and _refers_to(column, parent):
                yield f"        # relationships: [{{type: foreignKey, to: {parent.dataset}.{parent.keys[0]}}}]"


def _written(column: ColumnFacts) -> Iterator[str]:
    """How the values are written in the files."""
    missing = _words("missingValues", list(column.missing))
    if column.form:
        yield f"        {_form(column.form, [missing] if column.missing else [])}"
        if column.missing and not isinstance(column.form, NumberForm):
            yield f"        customProperties: [{missing}]"
        if column.kind is Kind.TIMESTAMP:
            yield "        # A time without an offset is UTC. If it is local, add: defaultTimezone: Europe/Berlin"
    elif column.missing:
        yield f"        {'# ' if column.kind is Kind.STRING else ''}customProperties: [{missing}]"
    for form in column.either:
        kind = "double" if isinstance(form, NumberForm) else "timestamp" if "H" in (form.format or "") else "date"
        yield f"        # a {kind} in one of several forms; if it is this one: {_form(form, [])}"


def _form(form: Form, more: Sequence[str]) -> str:
    if isinstance(form, NumberForm):
        said = [_words("decimalChar", form.decimal_char), _words("groupChar", form.group_char), *more]
        return f"customProperties: [{', '.join(said)}]"
    return f"logicalTypeOptions: {{format: {json.dumps(form.format)}}}"


def _words(name: str, value: object) -> str:
    return f"{{property: {name}, value: {json.dumps(value, ensure_ascii=False)}}}"


def _refers_to(column: ColumnFacts, parent: Contract) -> bool:
    if len(parent.keys) != 1:
        return False
    [key] = parent.keys
    names = {key, f"{parent.dataset}_{key}", f"{parent.dataset.removesuffix('s')}_{key}"}
    return column.name in names - {"id"} and parent.column(key).kind == column.kind
