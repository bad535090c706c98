"""A column's type: its physicalType, or what its logicalType and `format` mean where that is left out."""

from __future__ import annotations

import re
from collections.abc import Callable

from open_data_contract_standard.model import SchemaProperty

from lakehouse_assets.contracts.model import NUMBERS, WHOLE_NUMBERS, Kind

MOST_DIGITS = 38
"""Of a decimal in Spark, DuckDB, Delta and Athena."""
DECIMAL = re.compile(r"decimal ?\( ?([0-9]{1,2}) ?, ?([0-9]{1,2}) ?\)\Z")
TYPE_NAMES = tuple("decimal(p,s)" if kind is Kind.DECIMAL else str(kind) for kind in Kind)
FITTING = {
    "integer": {*WHOLE_NUMBERS, Kind.DECIMAL},
    "number": NUMBERS,
    "boolean": {Kind.BOOLEAN},
    "string": {Kind.STRING},
    "date": {Kind.DATE},
    "timestamp": {Kind.TIMESTAMP},
}
"""The types that a logicalType may have."""
DEFAULTS = {
    "integer": Kind.INT,
    "number": Kind.DOUBLE,
    "boolean": Kind.BOOLEAN,
    "string": Kind.STRING,
    "date": Kind.DATE,
    "timestamp": Kind.TIMESTAMP,
}
FORMATS = {
    "integer": {"i16": Kind.SMALLINT, "i32": Kind.INT, "i64": Kind.BIGINT},
    "number": {"f32": Kind.FLOAT, "f64": Kind.DOUBLE},
}
"""`logicalTypeOptions.format` of a number. (The standard also has unsigned and other widths.)"""
Digits = tuple[int, int] | None
Fault = Callable[[str], None]


def read_type(prop: SchemaProperty, fault: Fault) -> tuple[Kind, Digits] | None:
    """Returns the type, and a decimal's digits and decimals. Returns None, and reports a fault, if there is none."""
    logical = prop.logicalType
    if logical is not None and logical not in FITTING:
        return fault(f"logicalType {logical!r} is not supported; use one of {', '.join(FITTING)}.")
    by_format = _of_format(prop, fault)
    if prop.physicalType is None:
        if logical is None:
            return fault(f"has no type: set logicalType, or physicalType to one of {', '.join(TYPE_NAMES)}.")
        return by_format or DEFAULTS[logical], None
    kind, digits = _of_physical(prop.physicalType)
    if kind is None:
        return fault(f"physicalType {prop.physicalType!r} must be one of {', '.join(TYPE_NAMES)}.")
    if kind is Kind.DECIMAL and not (digits and 1 <= digits[0] <= MOST_DIGITS and digits[1] <= digits[0]):
        return fault(
            f"physicalType {prop.physicalType!r}: a decimal is decimal(p,s): p digits in all, 1 to {MOST_DIGITS}, of"
            " which s are decimals, such as decimal(10,2)."
        )
    if logical is not None and (kind not in FITTING[logical] or (logical == "integer" and digits and digits[1])):
        return fault(f"logicalType {logical} and physicalType {prop.physicalType} contradict each other.")
    if by_format not in (None, kind):
        return fault(f"logicalTypeOptions.format means {by_format}, but physicalType is {prop.physicalType}.")
    return kind, digits


def _of_physical(text: str) -> tuple[Kind | None, Digits]:
    name = " ".join(text.lower().split())
    if name.startswith(Kind.DECIMAL):
        found = DECIMAL.match(name)
        return Kind.DECIMAL, (int(found[1]), int(found[2])) if found else None
    return (Kind(name), None) if name in set(Kind) else (None, None)


def _of_format(prop: SchemaProperty, fault: Fault) -> Kind | None:
    """The type that `format` means for a number; None if it says nothing."""
    known = FORMATS.get(prop.logicalType or "")
    said = (prop.logicalTypeOptions or {}).get("format")
    if known is None or said is None:
        return None
    if said not in known:
        return fault(
            f"logicalTypeOptions.format {said!r} must be one of {', '.join(known)}; for other ranges use minimum and"
            " maximum."
        )
    return known[said]
