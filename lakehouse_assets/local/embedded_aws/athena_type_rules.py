"""The rules by which `athena_types` rewrites or refuses an operation: each is given the operation, and a function that tells an expression's type."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp
from sqlglot.dialects.athena import Athena
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.expressions import apply_index_offset

from lakehouse_assets.local.embedded_aws.athena_results import QueryError

INTEGERS = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "HUGEINT": 19, "INTEGER_LITERAL": 10}
"""And how many digits each has as a decimal of Trino's."""
FLOATS = ("DOUBLE", "FLOAT")
DATE_UNITS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
TEXTLESS = ("", "BLOB", "INTERVAL", "DOUBLE", "FLOAT", "TIME")
MOST_DIGITS = 38
OF_A_ZONE = exp.Year | exp.Quarter | exp.Month | exp.Week | exp.Day | exp.Hour | exp.Minute | exp.Extract
OF_A_ZONE |= exp.DayOfWeek | exp.DayOfWeekIso | exp.DayOfYear | exp.TimeToStr
"""Functions that tell of a moment at a time zone what both tell: DuckDB's AT TIME ZONE gives the local time, Trino's the same moment."""

Ask = Callable[[exp.Expr], str | None]


def _decimal(type_: str) -> tuple[int, int] | None:
    """Precision and scale of a number as a decimal of Trino's; None for a double and for what is not a number."""
    if type_ in INTEGERS:
        return INTEGERS[type_], 0
    found = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", type_)
    return (int(found[1]), int(found[2])) if found else None


def _known(type_: str | None, node: exp.Expr) -> str:
    if type_ is None:
        raise QueryError(f"NOT_SUPPORTED: the embedded Athena cannot tell the types of {node.sql(dialect=Athena)}")
    return type_


def _mismatch(node: exp.Expr, *types: str) -> QueryError:
    return QueryError(f"TYPE_MISMATCH: Cannot apply operator to {', '.join(type_.lower() for type_ in types)}: {node.sql(dialect=Athena)}")


def _divide(node: exp.Div, ask: Ask) -> None:
    left, right = (_known(ask(side), node) for side in (node.left, node.right))
    if left in FLOATS or right in FLOATS:
        quotient = _call("trino_double_quotient", node.left, node.right)
        node.replace(quotient if "DOUBLE" in (left, right) else exp.cast(quotient, "FLOAT", dialect=DuckDB))
    elif left in INTEGERS and right in INTEGERS:
        # sqlglot would make a BIGINT of the quotient of two casts.
        node.set("typed", False)
    else:
        _decimal_quotient(node, node.left, node.right, _decimal(left), _decimal(right))


def _decimal_quotient(node: exp.Expr, left: exp.Expr, right: exp.Expr, of: tuple[int, int] | None, by: tuple[int, int] | None) -> None:
    if of is None or by is None:
        return
    scale = max(of[1], by[1])
    precision = min(MOST_DIGITS, of[0] + by[1] + max(0, by[1] - of[1]))
    unscaled = _call("trino_quotient", left, right, exp.Literal.number(of[1]), exp.Literal.number(by[1]), exp.Literal.number(scale))
    # At once, DuckDB would refuse 50e-2 as DECIMAL(3, 2), for its 50.
    whole = exp.Cast(this=unscaled, to=exp.DataType.build(f"DECIMAL({MOST_DIGITS}, {scale})", dialect=DuckDB))
    node.replace(exp.Cast(this=whole, to=exp.DataType.build(f"DECIMAL({precision}, {scale})", dialect=DuckDB)))


def _average(node: exp.Avg, ask: Ask) -> None:
    decimal = _decimal(of) if (of := ask(node.this)) and of.startswith("DECIMAL") else None
    if of in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
        raise _mismatch(node, of)
    if decimal is None:
        return
    if isinstance(node.parent, exp.Window | exp.Filter):
        raise QueryError(f"NOT_SUPPORTED: the embedded Athena does not answer avg of a decimal with OVER or FILTER: {node.sql(dialect=Athena)}")
    counted = exp.Count(this=node.this.copy())
    total = exp.Sum(this=node.this.copy())
    quotient = exp.Div(this=total, expression=counted)
    node.replace(quotient)
    _decimal_quotient(quotient, total, counted, (MOST_DIGITS, decimal[1]), (INTEGERS["BIGINT"], 0))


def _sum(node: exp.Sum, ask: Ask) -> None:
    """DuckDB adds integers to one of 128 bits; Trino's bigint overflows."""
    if ask(node.this) in INTEGERS:
        whole: exp.Expr = node
        while isinstance(whole.parent, exp.Window | exp.Filter) and whole.arg_key == "this":
            whole = whole.parent
        # Not a copy: parts of it may have rules that come later.
        cast = exp.Cast(this=exp.Null(), to=exp.DataType.build("BIGINT", dialect=DuckDB))
        whole.replace(cast)
        cast.set("this", whole)


def _add(node: exp.Add | exp.Sub, ask: Ask) -> None:
    left, right = (ask(side) for side in (node.left, node.right))
    if {left, right} == {"DATE", "INTERVAL"}:
        interval = node.right if right == "INTERVAL" else node.left
        if not isinstance(interval, exp.Interval) or interval.text("unit").upper() not in DATE_UNITS or interval.text("unit").upper() == "WEEK":
            raise QueryError(f"INVALID_FUNCTION_ARGUMENT: Cannot add hour, minutes or seconds to a date: {node.sql(dialect=Athena)}")
        node.replace(exp.cast(exp.paren(node.copy(), copy=False), "DATE", dialect=DuckDB))
    elif "DATE" in (left, right):
        if left == right == "DATE":
            raise QueryError(f"NOT_SUPPORTED: the embedded Athena gives no intervals: {node.sql(dialect=Athena)}; use date_diff")
        raise _mismatch(node, left or "unknown", right or "unknown")


def _date_add(node: exp.DateAdd, ask: Ask) -> None:
    of, unit = _known(ask(node.this), node), node.text("unit").upper()
    if of == "DATE" and unit in DATE_UNITS:
        node.replace(exp.cast(node.copy(), "DATE", dialect=DuckDB))
    elif not of.startswith("TIMESTAMP"):
        raise QueryError(f"INVALID_FUNCTION_ARGUMENT: {unit.lower()} cannot be added to {of.lower()}: {node.sql(dialect=Athena)}")


def _truncate(node: exp.TimestampTrunc | exp.DateTrunc, ask: Ask) -> None:
    of, unit = _known(ask(node.this), node), node.text("unit").upper()
    if of == "DATE" and unit in DATE_UNITS:
        node.replace(exp.cast(node.copy(), "DATE", dialect=DuckDB))
    elif not of.startswith("TIMESTAMP"):
        raise QueryError(f"INVALID_FUNCTION_ARGUMENT: '{unit.lower()}' is not a valid {of} field: {node.sql(dialect=Athena)}")


def _subscript(node: exp.Bracket, ask: Ask) -> None:
    of, found = _known(ask(node.this), node), node.copy()
    [index] = apply_index_offset(node.this, [one.copy() for one in node.expressions], 1 - (node.args.get("offset") or 0), dialect=DuckDB)
    if of.endswith("[]"):
        node.replace(_call("trino_element_at" if node.args.get("safe") else "trino_element", node.this, index, found))
    elif of.startswith("MAP(") and not node.args.get("safe"):
        node.replace(_call("trino_value", node.this, node.expressions[0].copy(), found))


def _cast(node: exp.Cast, ask: Ask) -> None:
    of, to = ask(node.this) or "", node.to.this
    if to in (exp.DType.VARCHAR, exp.DType.TEXT, exp.DType.CHAR):
        if of in TEXTLESS or of.endswith("[]") or ("(" in of and not of.startswith("DECIMAL")):
            raise QueryError(f"NOT_SUPPORTED: the embedded Athena does not write {of.lower() or 'this'} as text: {node.sql(dialect=Athena)}")
        if of.startswith("TIMESTAMP"):
            if any(literal.is_string for literal in node.this.find_all(exp.Literal)):
                raise QueryError(f"NOT_SUPPORTED: the embedded Athena does not know the precision of {node.this.sql(dialect=Athena)}")
            node.this.replace(_call("trino_timestamp_text", node.this.copy(), exp.Literal.string(" UTC" if of.endswith("ZONE") else "")))
        if to == exp.DType.CHAR:
            raise QueryError(f"NOT_SUPPORTED: the embedded Athena has no texts of a fixed length: {node.sql(dialect=Athena)}")
        if node.to.expressions:
            if of != "VARCHAR":
                raise QueryError(f"NOT_SUPPORTED: the embedded Athena casts texts alone to a text of a length: {node.sql(dialect=Athena)}")
            node.replace(_call("left", node.this.copy(), node.to.expressions[0].this.copy()))
    elif of == "VARCHAR" and (form := FORMS.get(to)) and not (isinstance(node.this, exp.Literal) and re.fullmatch(form, node.this.name)):
        strict = not isinstance(node, exp.TryCast)
        node.this.replace(_call("trino_written" if strict else "trino_written_or_null", node.this.copy(), exp.Literal.string(form)))
    elif to == exp.DType.TIMESTAMPTZ and of == "VARCHAR" and not re.search(r"\d UTC$", node.this.name):
        raise QueryError(f"NOT_SUPPORTED: the embedded Athena keeps no time zone of its own with a timestamp: {node.sql(dialect=Athena)}")


FORMS = {
    exp.DType.DATE: r"\s*[+-]?\d+-\d{1,2}-\d{1,2}\s*",
    exp.DType.TIMESTAMP: r"\s*[+-]?\d+-\d{1,2}-\d{1,2}( \d{1,2}:\d{1,2}(:\d{1,2}(\.\d+)?)?)?\s*",
    exp.DType.BOOLEAN: r"(?i)true|false|t|f|1|0",
    exp.DType.DOUBLE: r"\s*([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?Infinity|NaN)\s*",
    exp.DType.FLOAT: r"\s*([+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?Infinity|NaN)\s*",
    exp.DType.DECIMAL: r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?",
}
"""How a text is written that Trino casts to these types."""


def _zone(node: exp.AtTimeZone, ask: Ask) -> None:
    around = node.parent
    while isinstance(around, exp.Paren):
        around = around.parent
    told = isinstance(around, OF_A_ZONE) or (isinstance(around, exp.Cast) and around.to.this == exp.DType.DATE)
    if not told or ask(node.this) != "TIMESTAMP WITH TIME ZONE":
        raise QueryError(f"NOT_SUPPORTED: the embedded Athena keeps no time zone with a timestamp; take a part of it or its date: {node.sql(dialect=Athena)}")


def _date_diff(node: exp.DateDiff, ask: Ask) -> None:
    """DuckDB's date_sub counts whole units, as Trino's date_diff does; its date_diff counts the boundaries between them."""
    types, unit = {ask(node.this), ask(node.expression)}, node.text("unit").upper()
    if "VARCHAR" in types or ("DATE" in types and unit not in DATE_UNITS):
        raise QueryError(f"INVALID_FUNCTION_ARGUMENT: '{unit.lower()}' is not a valid field here: {node.sql(dialect=Athena)}")
    node.replace(_call("date_sub", exp.Literal.string(unit.lower()), node.expression, node.this))


def _extract(node: exp.Extract, ask: Ask) -> None:
    if ask(node.expression) == "DATE" and node.name.upper() in ("HOUR", "MINUTE", "SECOND"):
        raise QueryError(f"TYPE_MISMATCH: Cannot extract {node.name.upper()} from date")


def _integer_stays(node: exp.Floor | exp.Ceil, ask: Ask) -> None:
    if ask(node.this) in INTEGERS:
        node.replace(node.this.copy())


def _round(node: exp.Round | exp.Trunc, ask: Ask) -> None:
    """A decimal keeps its scale."""
    of = ask(node.this) or ""
    if node.args.get("decimals") is not None and of.startswith("DECIMAL"):
        digits, scale = _decimal(of) or (0, 0)
        node.replace(exp.cast(node.copy(), f"DECIMAL({min(MOST_DIGITS, digits + 1)}, {scale})", dialect=DuckDB))


def _sign(node: exp.Sign, ask: Ask) -> None:
    of = _known(ask(node.this), node)
    node.replace(exp.cast(node.copy(), "DECIMAL(1, 0)" if of.startswith("DECIMAL") else of, dialect=DuckDB))


def _corr(node: exp.Corr, ask: Ask) -> None:
    if {ask(node.this), ask(node.expression)} != {"DOUBLE"}:
        raise QueryError(f"NOT_SUPPORTED: the embedded Athena correlates doubles only, Athena gives a real for others: {node.sql(dialect=Athena)}")


def _cardinality(node: exp.ArraySize, ask: Ask) -> None:
    if (ask(node.this) or "").startswith("MAP("):
        node.replace(_call("cardinality", node.this))


def _sequence(node: exp.GenerateSeries, ask: Ask) -> None:
    start, end, step = node.args["start"], node.args["end"], node.args.get("step")
    types = {ask(start), ask(end)}
    if types <= set(INTEGERS):
        node.replace(_call("trino_few", _call("trino_sequence", start, end) if step is None else node))
    elif types == {"DATE"} and step is not None:
        node.replace(exp.cast(_call("trino_few", node), "DATE[]", dialect=DuckDB))
    else:
        raise QueryError(f"NOT_SUPPORTED: the embedded Athena makes sequences of integers, and of dates with a step: {node.sql(dialect=Athena)}")


def _unnest(node: exp.Unnest, ask: Ask) -> None:
    if len(node.expressions) != 1 or (ask(node.expressions[0]) or "").startswith(("STRUCT", "MAP")):
        raise QueryError(f"NOT_SUPPORTED: the embedded Athena unnests one array of values: {node.sql(dialect=Athena)}")


def _array_join(node: exp.ArrayToString, ask: Ask) -> None:
    if node.args.get("null") or (ask(node.this) or "").removesuffix("[]") not in ("VARCHAR", *INTEGERS):
        raise QueryError(f"NOT_SUPPORTED: the embedded Athena answers array_join(texts or integers, separator) only: {node.sql(dialect=Athena)}")
    node.replace(_call("trino_array_join", node.this, node.expression))


def _condition(node: exp.Expr, ask: Ask) -> None:
    for side in (node.this, node.args.get("expression")):
        of = ask(side) if side is not None else None
        if of not in (None, "BOOLEAN", '"NULL"'):
            raise _mismatch(node, of)


def _default(node: exp.Lag | exp.Lead, ask: Ask) -> None:
    """DuckDB takes the default for one of the column's type, Trino takes the type that both have."""
    if (default := node.args.get("default")) is None:
        return
    of, other = (_known(ask(side), node) for side in (node.this, default))
    if of in INTEGERS and other in INTEGERS:
        node.this.replace(exp.cast(node.this.copy(), max(of, other, key=INTEGERS.__getitem__), dialect=DuckDB))
    elif of != other and not (other in INTEGERS and (of in FLOATS or _decimal(of))):
        raise QueryError(f"NOT_SUPPORTED: the embedded Athena wants a default of the column's type: {node.sql(dialect=Athena)}")


def _reverse(node: exp.Reverse, ask: Ask) -> None:
    if (ask(node.this) or "").endswith("[]"):
        node.replace(_call("list_reverse", node.this))


def _call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


RULES: dict[type[exp.Expr], Callable[..., None]] = {
    exp.Div: _divide,
    exp.Avg: _average,
    exp.Sum: _sum,
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
    exp.Floor: _integer_stays,
    exp.Ceil: _integer_stays,
    exp.Sign: _sign,
    exp.Round: _round,
    exp.Trunc: _round,
    exp.Lag: _default,
    exp.Lead: _default,
    exp.Reverse: _reverse,
    exp.Corr: _corr,
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
