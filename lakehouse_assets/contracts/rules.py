"""Turns the rules of a contract (logicalTypeOptions, enum, quality) into predicates in Spark SQL.

Only what both engines evaluate alike is accepted: see `patterns` and `predicates`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from open_data_contract_standard.model import DataQuality, SchemaProperty

from lakehouse_assets.contracts.forms import TIME_OPTIONS
from lakehouse_assets.contracts.model import NUMBERS, WHOLE_NUMBERS, Column, Kind, Rule, Severity
from lakehouse_assets.contracts.patterns import UnfitPattern, portable
from lakehouse_assets.contracts.predicates import UnfitPredicate, predicate_of
from lakehouse_assets.quoting import spark_literal

RULE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .,:()-]{0,79}\Z")
"""A rule's name becomes a text in SQL, and the reasons of a row are joined by "; ". So it has neither quotes nor a
semicolon.
"""
OPTIONS = {
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
}
Fault = Callable[[str], None]


def options_rules(column: Column, prop: SchemaProperty, fault: Fault) -> Iterator[Rule]:
    """Yields the rules of one column from its logicalTypeOptions and its enum. A row that breaks one is rejected."""
    options: dict[str, Any] = prop.logicalTypeOptions or {}
    for unknown in sorted(set(options) - OPTIONS - _read_elsewhere(column.kind)):
        fault(
            f"column {column.name}: logicalTypeOptions.{unknown} is not supported; use {', '.join(sorted(OPTIONS))} or"
            " a quality rule."
        )
    for option, comparison, words in (
        ("minimum", ">=", "is at least"),
        ("maximum", "<=", "is at most"),
        ("exclusiveMinimum", ">", "is above"),
        ("exclusiveMaximum", "<", "is below"),
    ):
        if option not in options:
            continue
        bound = options[option]
        if column.kind not in NUMBERS or not _is_number(bound):
            fault(f"column {column.name}: {option} {bound!r} needs a number, and a column of numbers.")
            continue
        if not _fits(column, bound):
            fault(f"column {column.name}: {option} {bound!r} has more digits than {column.type}.")
            continue
        yield _rule(
            f"{column.name}: {option} {bound}",
            f"{_compared(column)} {comparison} {_written(column, bound)}",
            f"{column.name} {words} {bound}.",
        )
    for option, comparison, words in (("minLength", ">=", "has at least"), ("maxLength", "<=", "has at most")):
        if option not in options:
            continue
        length = options[option]
        if column.kind != Kind.STRING or isinstance(length, bool) or not isinstance(length, int) or length < 0:
            fault(f"column {column.name}: {option} {length!r} needs a whole number, and a column of type string.")
            continue
        yield _rule(
            f"{column.name}: {option} {length}",
            f"length(`{column.name}`) {comparison} {length}",
            f"{column.name} {words} {length} characters.",
        )
    if "pattern" in options:
        yield from _pattern_rule(column, str(options["pattern"]), fault)
    if prop.enum:
        yield from _enum_rule(column, [value.value for value in prop.enum], fault)


def _enum_rule(column: Column, values: list[Any], fault: Fault) -> Iterator[Rule]:
    unsuited = [value for value in values if not _suits(column, value)]
    if unsuited:
        return fault(
            f"column {column.name}: enum has {', '.join(map(repr, unsuited))}, which a column of type {column.type}"
            " cannot hold (put text in quotes)."
        )
    listed = ", ".join(_written(column, value) if column.digits else spark_literal(value) for value in values)
    yield _rule(
        f"{column.name}: not an allowed value",
        f"{_compared(column)} IN ({listed})",
        f"{column.name} is one of {', '.join(map(str, values))}.",
    )


def _pattern_rule(column: Column, pattern: str, fault: Fault) -> Iterator[Rule]:
    if column.kind != Kind.STRING:
        return fault(f"column {column.name}: a pattern needs a column of type string.")
    try:
        same = portable(pattern)
    except UnfitPattern as unfit:
        return fault(f"column {column.name}: pattern {pattern!r} {unfit}")
    yield _rule(
        f"{column.name}: pattern", f"`{column.name}` RLIKE {spark_literal(same)}", f"{column.name} matches {pattern}."
    )


def quality_rule(quality: DataQuality, columns: Mapping[str, Column], fault: Fault) -> Rule | None:
    """Returns the row rule of an entry of the contract's `quality`: its type is custom, its engine lakehouse, and its
    implementation a Spark SQL predicate over the typed columns. Returns None, and reports a fault, if it cannot be
    used.
    """
    name = quality.name or ""
    if quality.type != "custom" or quality.engine != "lakehouse":
        return fault(f"quality rule {name or '?'}: a row rule needs 'type: custom' and 'engine: lakehouse'.")
    if not RULE_NAME.match(name):
        return fault(
            f"quality rule {name!r}: a name is letters, digits, spaces and _ . , : ( ) -, up to 80 characters."
        )
    if quality.severity not in set(Severity):
        return fault(f"quality rule {name}: severity {quality.severity!r} must be {' or '.join(Severity)}.")
    if not isinstance(quality.implementation, str):
        return fault(f"quality rule {name}: implementation must be a SQL predicate.")
    try:
        predicate = predicate_of(quality.implementation, columns)
    except UnfitPredicate as unfit:
        return fault(f"quality rule {name}: {unfit}")
    return Rule(name, predicate, Severity(quality.severity), " ".join((quality.description or name).split()))


def _read_elsewhere(kind: Kind) -> set[str]:
    if kind in (Kind.DATE, Kind.TIMESTAMP):
        return {*TIME_OPTIONS}
    return {"format"} if kind in NUMBERS else set()


def _compared(column: Column) -> str:
    """The column in a comparison with a number. (DuckDB compares a float with a number in single precision, Spark in
    double.)
    """
    return f"CAST(`{column.name}` AS DOUBLE)" if column.kind is Kind.FLOAT else f"`{column.name}`"


def _written(column: Column, number: float) -> str:
    """A number in SQL; compared with a decimal, it is a decimal, too, not a double such as 1e-05."""
    return f"{Decimal(repr(number)):f}" if column.digits else str(number)


def _suits(column: Column, value: Any) -> bool:
    if column.kind is Kind.STRING:
        return isinstance(value, str)
    if column.kind in WHOLE_NUMBERS:
        return _is_number(value) and isinstance(value, int)
    return column.kind in NUMBERS and _is_number(value) and _fits(column, value)


def _fits(column: Column, number: float) -> bool:
    """Whether a decimal can hold the number; engines compare it exactly then."""
    if column.digits is None:
        return True
    digits, decimals = column.digits
    _, given, exponent = Decimal(repr(number)).as_tuple()
    after = max(0, -int(exponent))
    return after <= decimals and len(given) + int(exponent) <= digits - decimals


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _rule(name: str, predicate: str, description: str) -> Rule:
    return Rule(name, predicate, Severity.REJECT, description)
