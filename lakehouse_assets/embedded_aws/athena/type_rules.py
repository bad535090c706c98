"""The rules by which `types` rewrites or refuses an operation. Each gets the operation and a function that returns the
DuckDB type of an expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp
from sqlglot.dialects.athena import Athena
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.expressions import apply_index_offset

from lakehouse_assets.embedded_aws.athena.number_rules import INTEGERS, NUMBER_RULES, Ask, call, known, mismatch
from lakehouse_assets.embedded_aws.athena.results import QueryError

DATE_UNITS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
NOT_AS_TEXT = ("", "BLOB", "INTERVAL", "DOUBLE", "FLOAT", "TIME")
SAME_AT_A_ZONE = exp.Year | exp.Quarter | exp.Month | exp.Week | exp.Day | exp.Hour | exp.Minute | exp.Extract
SAME_AT_A_ZONE |= exp.DayOfWeek | exp.DayOfWeekIso | exp.DayOfYear | exp.TimeToStr
"""Functions whose result for `t AT TIME ZONE z` is the same in both engines, although DuckDB's AT TIME ZONE returns the
local time and Trino's the same moment.
"""


def _add(node: exp.Add | exp.Sub, ask: Ask) -> None:
    left, right = (ask(side) for side in (node.left, node.right))
    if {left, right} == {"DATE", "INTERVAL"}:
        interval = node.right if right == "INTERVAL" else node.left
        if (
            not isinstance(interval, exp.Interval)
            or interval.text("unit").upper() not in DATE_UNITS
            or interval.text("unit").upper() == "WEEK"
        ):
            raise QueryError(
                f"INVALID_FUNCTION_ARGUMENT: Cannot add hour, minutes or seconds to a date: {node.sql(dialect=Athena)}"
            )
        node.replace(exp.cast(exp.paren(node.copy(), copy=False), "DATE", dialect=DuckDB))
    elif "DATE" in (left, right):
        if left == right == "DATE":
            raise QueryError(
                f"NOT_SUPPORTED: the embedded Athena returns no intervals: {node.sql(dialect=Athena)}; use date_diff"
            )
        raise mismatch(node, left or "unknown", right or "unknown")


def _date_add(node: exp.DateAdd, ask: Ask) -> None:
    of, unit = known(ask(node.this), node), node.text("unit").upper()
    if of == "DATE" and unit in DATE_UNITS:
        node.replace(exp.cast(node.copy(), "DATE", dialect=DuckDB))
    elif not of.startswith("TIMESTAMP"):
        raise QueryError(
            f"INVALID_FUNCTION_ARGUMENT: {unit.lower()} cannot be added to {of.lower()}: {node.sql(dialect=Athena)}"
        )


def _truncate(node: exp.TimestampTrunc | exp.DateTrunc, ask: Ask) -> None:
    of, unit = known(ask(node.this), node), node.text("unit").upper()
    if of == "DATE" and unit in DATE_UNITS:
        node.replace(exp.cast(node.copy(), "DATE", dialect=DuckDB))
    elif not of.startswith("TIMESTAMP"):
        raise QueryError(
            f"INVALID_FUNCTION_ARGUMENT: '{unit.lower()}' is not a valid {of} field: {node.sql(dialect=Athena)}"
        )


def _subscript(node: exp.Bracket, ask: Ask) -> None:
    of, found = known(ask(node.this), node), node.copy()
    [index] = apply_index_offset(
        node.this, [one.copy() for one in node.expressions], 1 - (node.args.get("offset") or 0), dialect=DuckDB
    )
    if of.endswith("[]"):
        node.replace(call("trino_element_at" if node.args.get("safe") else "trino_element", node.this, index, found))
    elif of.startswith("MAP(") and not node.args.get("safe"):
        node.replace(call("trino_value", node.this, node.expressions[0].copy(), found))


def _cast(node: exp.Cast, ask: Ask) -> None:
    of, to = ask(node.this) or "", node.to.this
    if to in (exp.DType.VARCHAR, exp.DType.TEXT, exp.DType.CHAR):
        if of in NOT_AS_TEXT or of.endswith("[]") or ("(" in of and not of.startswith("DECIMAL")):
            raise QueryError(
                f"NOT_SUPPORTED: the embedded Athena does not cast {of.lower() or 'this'} to text:"
                f" {node.sql(dialect=Athena)}"
            )
        if of.startswith("TIMESTAMP"):
            if any(literal.is_string for literal in node.this.find_all(exp.Literal)):
                raise QueryError(
                    f"NOT_SUPPORTED: the embedded Athena does not know the precision of {node.this.sql(dialect=Athena)}"
                )
            node.this.replace(
                call(
                    "trino_timestamp_text", node.this.copy(), exp.Literal.string(" UTC" if of.endswith("ZONE") else "")
                )
            )
        if to == exp.DType.CHAR:
            raise QueryError(
                f"NOT_SUPPORTED: the embedded Athena has no texts of a fixed length: {node.sql(dialect=Athena)}"
            )
        if node.to.expressions:
            if of != "VARCHAR":
                raise QueryError(
                    "NOT_SUPPORTED: the embedded Athena casts only texts to a text of a length:"
                    f" {node.sql(dialect=Athena)}"
                )
            node.replace(call("left", node.this.copy(), node.to.expressions[0].this.copy()))
    elif (
        of == "VARCHAR"
        and (form := FORMS.get(to))
        and not (isinstance(node.this, exp.Literal) and re.fullmatch(form, node.this.name))
    ):
        strict = not isinstance(node, exp.TryCast)
        node.this.replace(
            call("trino_written" if strict else "trino_written_or_null", node.this.copy(), exp.Literal.string(form))
        )
    elif to == exp.DType.TIMESTAMPTZ and of == "VARCHAR" and not re.search(r"\d UTC$", node.this.name):
        raise QueryError(
            "NOT_SUPPORTED: the embedded Athena supports no time zone but UTC in a timestamp:"
            f" {node.sql(dialect=Athena)}"
        )


FORMS = {
    exp.DType.DATE: r"\s*[+-]?\d+-\d{1,2}-\d{1,2}\s*",
    exp.DType.TIMESTAMP: r"\s*[+-]?\d+-\d{1,2}-\d{1,2}( \d{1,2}:\d{1,2}(:\d{1,2}(\.\d+)?)?)?\s*",
    exp.DType.BOOLEAN: r"(?i)true|false|t|f|1|0",
    exp.DType.DOUBLE: r"\s*([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?Infinity|NaN)\s*",
    exp.DType.FLOAT: r"\s*([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?Infinity|NaN)\s*",
    exp.DType.DECIMAL: r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?",
}
"""The patterns of texts that Trino casts to these types."""


def _zone(node: exp.AtTimeZone, ask: Ask) -> None:
    around = node.parent
    while isinstance(around, exp.Paren):
        around = around.parent
    is_same = isinstance(around, SAME_AT_A_ZONE) or (isinstance(around, exp.Cast) and around.to.this == exp.DType.DATE)
    if not is_same or ask(node.this) != "TIMESTAMP WITH TIME ZONE":
        raise QueryError(
            "NOT_SUPPORTED: the embedded Athena does not store time zones; take a part of the timestamp, or its date:"
            f" {node.sql(dialect=Athena)}"
        )


def _date_diff(node: exp.DateDiff, ask: Ask) -> None:
    """Trino's date_diff counts complete units, like DuckDB's date_sub. DuckDB's date_diff counts boundaries."""
    types, unit = {ask(node.this), ask(node.expression)}, node.text("unit").upper()
    if "VARCHAR" in types or ("DATE" in types and unit not in DATE_UNITS):
        raise QueryError(
            f"INVALID_FUNCTION_ARGUMENT: '{unit.lower()}' is not a valid field here: {node.sql(dialect=Athena)}"
        )
    node.replace(call("date_sub", exp.Literal.string(unit.lower()), node.expression, node.this))


def _extract(node: exp.Extract, ask: Ask) -> None:
    if ask(node.expression) == "DATE" and node.name.upper() in ("HOUR", "MINUTE", "SECOND"):
        raise QueryError(f"TYPE_MISMATCH: Cannot extract {node.name.upper()} from date")


def _cardinality(node: exp.ArraySize, ask: Ask) -> None:
    if (ask(node.this) or "").startswith("MAP("):
        node.replace(call("cardinality", node.this))


def _sequence(node: exp.GenerateSeries, ask: Ask) -> None:
    start, end, step = node.args["start"], node.args["end"], node.args.get("step")
    types = {ask(start), ask(end)}
    if types <= set(INTEGERS):
        node.replace(call("trino_few", call("trino_sequence", start, end) if step is None else node))
    elif types == {"DATE"} and step is not None:
        node.replace(exp.cast(call("trino_few", node), "DATE[]", dialect=DuckDB))
    else:
        raise QueryError(
            "NOT_SUPPORTED: the embedded Athena supports sequences of integers, and of dates with a step:"
            f" {node.sql(dialect=Athena)}"
        )


def _unnest(node: exp.Unnest, ask: Ask) -> None:
    if len(node.expressions) != 1 or (ask(node.expressions[0]) or "").startswith(("STRUCT", "MAP")):
        raise QueryError(
            "NOT_SUPPORTED: the embedded Athena supports UNNEST of one array of values only:"
            f" {node.sql(dialect=Athena)}"
        )


def _array_join(node: exp.ArrayToString, ask: Ask) -> None:
    if node.args.get("null") or (ask(node.this) or "").removesuffix("[]") not in ("VARCHAR", *INTEGERS):
        raise QueryError(
            "NOT_SUPPORTED: the embedded Athena supports array_join(texts or integers, separator) only:"
            f" {node.sql(dialect=Athena)}"
        )
    node.replace(call("trino_array_join", node.this, node.expression))


def _condition(node: exp.Expr, ask: Ask) -> None:
    for side in (node.this, node.args.get("expression")):
        of = ask(side) if side is not None else None
        if of not in (None, "BOOLEAN", '"NULL"'):
            raise mismatch(node, of)


def _reverse(node: exp.Reverse, ask: Ask) -> None:
    if (ask(node.this) or "").endswith("[]"):
        node.replace(call("list_reverse", node.this))


RULES: dict[type[exp.Expr], Callable[..., None]] = NUMBER_RULES | {
    exp.Add: _add,
    exp.Sub: _add,
    exp.DateAdd: _date_add,
    exp.TimestampTrunc: _truncate,
    exp.DateTrunc: _truncate,
    exp.Bracket: _subscript,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.AtTimeZone: _zone,
    exp.DateDiff: _date_diff,
    exp.Extract: _extract,
    exp.Reverse: _reverse,
    exp.ArraySize: _cardinality,
    exp.GenerateSeries: _sequence,
    exp.ArrayToString: _array_join,
    exp.Unnest: _unnest,
    exp.Where: _condition,
    exp.Having: _condition,
    exp.Not: _condition,
    exp.And: _condition,
    exp.Or: _condition,
}
