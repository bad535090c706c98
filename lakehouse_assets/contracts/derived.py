"""Columns that are calculated from others: transformLogic, an expression in Spark SQL over columns of the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from sqlglot import exp

from lakehouse_assets.contracts.model import Column, Kind, WhenAbsent
from lakehouse_assets.contracts.predicates import ARITHMETIC, UnfitPredicate, alike, checked_expression, mentions

MORE_SYNTAX = "CAST(date_trunc('MONTH', …) AS DATE), date_format(…, 'yyyy-MM')"
"""What an expression may use beside `predicates.ALLOWED_SYNTAX`."""
MORE_NODES = (exp.TimestampTrunc, exp.TimeToStr, exp.TimeStrToTime)
DESCRIBED = "(To say in words where a value is from, use transformDescription.)"
UNITS = {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR"}
DIRECTIVES = re.compile(r"(%[YmdHMS](strict)?|[-_/. :T])+\Z")
"""What sqlglot makes of the letters yyyy, MM, dd, HH, mm and ss."""
FINITE = "1.0E300"
Fault = Callable[[str], None]


def with_values(columns: Sequence[Column], unread: Collection[str], fault: Fault) -> tuple[Column, ...]:
    """Returns the columns with the checked expressions of those that are calculated. Reports each fault.

    `unread`: columns with a fault of their own. An expression that mentions one cannot be checked.
    """
    sources = {column.name: column for column in columns if column.derived is None}
    return tuple(
        column if column.derived is None or mentions(column.derived, unread) else _checked(column, sources, fault)
        for column in columns
    )


def _checked(column: Column, sources: dict[str, Column], fault: Fault) -> Column:
    try:
        value, used = _value(column, sources)
    except UnfitPredicate as unfit:
        fault(f"column {column.name}: transformLogic: {unfit} {DESCRIBED}")
        return column
    for name in used:
        if not sources[name].required and sources[name].when_absent is WhenAbsent.KEEP:
            fault(
                f"column {column.name}: transformLogic uses {name}, whose value in the table stays if a file lacks it:"
                f" make {name} required, or set its whenAbsent to empty or quarantine."
            )
    return replace(column, derived=value, sources=used)


def _value(column: Column, sources: dict[str, Column]) -> tuple[str, tuple[str, ...]]:
    """The expression with the column's type, and the names of the columns that it uses. Raises UnfitPredicate."""
    text = column.derived or ""
    tree, typed = checked_expression(text, sources, MORE_NODES)
    used = tuple(dict.fromkeys(found.name for found in tree.find_all(exp.Column)))
    if not used:
        raise UnfitPredicate("it uses no column of the file.")
    if any(node.args["unit"].name.upper() not in UNITS for node in tree.find_all(exp.TimestampTrunc)):
        raise UnfitPredicate(f"date_trunc may be used with {', '.join(sorted(UNITS))}.")
    formats = [node.args["format"] for node in tree.find_all(exp.TimeToStr)]
    if not all(found.is_string and DIRECTIVES.match(found.name) for found in formats):
        raise UnfitPredicate("date_format may be used with yyyy, MM, dd, HH, mm, ss, and - _ / . : T and spaces.")
    value = alike(text, tree, sources)
    big = any(sources[name].kind is Kind.BIGINT for name in used)
    match _sort(typed, tree):
        case "number" if column.kind is Kind.DOUBLE:
            return f"CASE WHEN abs(CAST({value} AS DOUBLE)) < {FINITE} THEN CAST({value} AS DOUBLE) END", used
        case "whole" if column.kind is Kind.BIGINT or (column.kind is Kind.INT and not big):
            return f"try_cast({value} AS {column.kind.upper()})", used
        case "whole" if column.kind is Kind.DOUBLE:
            return f"CAST({value} AS DOUBLE)", used
        case "text" if column.kind is Kind.STRING:
            return f"CASE WHEN replace({value}, ' ', '') <> '' THEN {value} END", used
        case "date" | "timestamp" | "boolean" as sort if column.kind == sort:
            return value, used
        case sort:
            raise UnfitPredicate(f"it gives {_given(sort, big=big)}, but the column's type is {column.type}.")


def _sort(typed: exp.Expr, tree: exp.Expr) -> str:
    if isinstance(typed, exp.TimestampTrunc):
        return "timestamp"
    kind = typed.type
    if kind is None:
        return "unknown"
    if kind.is_type(*exp.DataType.INTEGER_TYPES) and not tree.find(*ARITHMETIC):
        return "whole"
    if kind.is_type(*exp.DataType.NUMERIC_TYPES):
        return "number"
    if kind.is_type(*exp.DataType.TEXT_TYPES):
        return "text"
    if kind.is_type("timestamp", "timestamptz", "timestampltz", "datetime"):
        return "timestamp"
    return "date" if kind.is_type("date") else "boolean" if kind.is_type("boolean") else "unknown"


def _given(sort: str, *, big: bool) -> str:
    return {
        "number": "a double (arithmetic is done in doubles)",
        "whole": "a bigint" if big else "an int",
        "text": "a string",
        "unknown": "a value whose type cannot be told",
    }.get(sort, f"a {sort}")
