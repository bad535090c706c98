"""The rules of `type_rules` about numbers: quotients, sums, averages, rounding, comparisons."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp
from sqlglot.dialects.athena import Athena
from sqlglot.dialects.duckdb import DuckDB

from lakehouse_assets.embedded_aws.athena.results import QueryError

INTEGERS = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "HUGEINT": 19, "INTEGER_LITERAL": 10}
"""Integer types, with their number of digits as a decimal in Trino."""
FLOATS = ("DOUBLE", "FLOAT")
MOST_DIGITS = 38

Ask = Callable[[exp.Expr], str | None]
"""Returns DuckDB's type of an expression in the query; None if it cannot be determined."""


def _decimal(type_: str) -> tuple[int, int] | None:
    """Precision and scale of a type as a decimal in Trino; None for doubles and for types that are not numbers."""
    if type_ in INTEGERS:
        return INTEGERS[type_], 0
    found = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", type_)
    return (int(found[1]), int(found[2])) if found else None


def known(type_: str | None, node: exp.Expr) -> str:
    """The type, if it could be determined. Raises QueryError otherwise."""
    if type_ is None:
        raise QueryError(f"NOT_SUPPORTED: the embedded Athena cannot determine the types of {node.sql(dialect=Athena)}")
    return type_


def mismatch(node: exp.Expr, *types: str) -> QueryError:
    """Trino's error for an operator that does not accept these types."""
    return QueryError(
        f"TYPE_MISMATCH: Cannot apply operator to {', '.join(type_.lower() for type_ in types)}:"
        f" {node.sql(dialect=Athena)}"
    )


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """A function call with copies of the arguments."""
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def _divide(node: exp.Div, ask: Ask) -> None:
    left, right = (known(ask(side), node) for side in (node.left, node.right))
    if left in FLOATS or right in FLOATS:
        quotient = call("trino_double_quotient", node.left, node.right)
        node.replace(quotient if "DOUBLE" in (left, right) else exp.cast(quotient, "FLOAT", dialect=DuckDB))
    elif left in INTEGERS and right in INTEGERS:
        # Otherwise sqlglot casts the quotient of two casts to BIGINT.
        node.set("typed", False)
    else:
        _decimal_quotient(node, node.left, node.right, _decimal(left), _decimal(right))


def _decimal_quotient(
    node: exp.Expr, left: exp.Expr, right: exp.Expr, of: tuple[int, int] | None, by: tuple[int, int] | None
) -> None:
    if of is None or by is None:
        return
    scale = max(of[1], by[1])
    precision = min(MOST_DIGITS, of[0] + by[1] + max(0, by[1] - of[1]))
    unscaled = call(
        "trino_quotient", left, right, exp.Literal.number(of[1]), exp.Literal.number(by[1]), exp.Literal.number(scale)
    )
    # In two casts: directly, DuckDB would refuse 50e-2 as DECIMAL(3, 2), because of the 50.
    whole = exp.Cast(this=unscaled, to=exp.DataType.build(f"DECIMAL({MOST_DIGITS}, {scale})", dialect=DuckDB))
    node.replace(exp.Cast(this=whole, to=exp.DataType.build(f"DECIMAL({precision}, {scale})", dialect=DuckDB)))


def _average(node: exp.Avg, ask: Ask) -> None:
    decimal = _decimal(of) if (of := ask(node.this)) and of.startswith("DECIMAL") else None
    if of in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
        raise mismatch(node, of)
    if decimal is None:
        return
    if isinstance(node.parent, exp.Window | exp.Filter):
        raise QueryError(
            "NOT_SUPPORTED: the embedded Athena does not answer avg of a decimal with OVER or FILTER:"
            f" {node.sql(dialect=Athena)}"
        )
    counted = exp.Count(this=node.this.copy())
    total = exp.Sum(this=node.this.copy())
    quotient = exp.Div(this=total, expression=counted)
    node.replace(quotient)
    _decimal_quotient(quotient, total, counted, (MOST_DIGITS, decimal[1]), (INTEGERS["BIGINT"], 0))


def _sum(node: exp.Sum, ask: Ask) -> None:
    """A sum of integers is a HUGEINT in DuckDB, and a bigint, which may overflow, in Trino."""
    if ask(node.this) in INTEGERS:
        whole: exp.Expr = node
        while isinstance(whole.parent, exp.Window | exp.Filter) and whole.arg_key == "this":
            whole = whole.parent
        # Not a copy, because later rules rewrite parts of it.
        cast = exp.Cast(this=exp.Null(), to=exp.DataType.build("BIGINT", dialect=DuckDB))
        whole.replace(cast)
        cast.set("this", whole)


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
    of = known(ask(node.this), node)
    node.replace(exp.cast(node.copy(), "DECIMAL(1, 0)" if of.startswith("DECIMAL") else of, dialect=DuckDB))


def _corr(node: exp.Corr, ask: Ask) -> None:
    if {ask(node.this), ask(node.expression)} != {"DOUBLE"}:
        raise QueryError(
            "NOT_SUPPORTED: the embedded Athena correlates doubles only, Athena gives a real for others:"
            f" {node.sql(dialect=Athena)}"
        )


def _default(node: exp.Lag | exp.Lead, ask: Ask) -> None:
    """DuckDB casts the default to the column's type. Trino uses the common type of both."""
    if (default := node.args.get("default")) is None:
        return
    of, other = (known(ask(side), node) for side in (node.this, default))
    if of in INTEGERS and other in INTEGERS:
        node.this.replace(exp.cast(node.this.copy(), max(of, other, key=INTEGERS.__getitem__), dialect=DuckDB))
    elif of != other and not (other in INTEGERS and (of in FLOATS or _decimal(of))):
        raise QueryError(
            f"NOT_SUPPORTED: the embedded Athena needs a default of the column's type: {node.sql(dialect=Athena)}"
        )


def _compare(node: exp.Expr, ask: Ask) -> None:
    """NaN is the greatest number for DuckDB, and not comparable for Trino."""
    for side in list(node.iter_expressions()):
        if not isinstance(side, exp.Literal) and ask(side) in FLOATS:
            side.replace(call("trino_number", side))


NUMBER_RULES: dict[type[exp.Expr], Callable[..., None]] = {
    exp.Div: _divide,
    exp.Avg: _average,
    exp.Sum: _sum,
    exp.Floor: _integer_stays,
    exp.Ceil: _integer_stays,
    exp.Sign: _sign,
    exp.Round: _round,
    exp.Trunc: _round,
    exp.Corr: _corr,
    exp.Lag: _default,
    exp.Lead: _default,
    **dict.fromkeys(
        (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.NullSafeEQ, exp.NullSafeNEQ),
        _compare,
    ),
}
