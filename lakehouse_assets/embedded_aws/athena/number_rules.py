"""The rules of `athena_type_rules` about numbers: quotients, sums, what is rounded, what is compared."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp
from sqlglot.dialects.athena import Athena
from sqlglot.dialects.duckdb import DuckDB

from lakehouse_assets.embedded_aws.athena.results import QueryError

INTEGERS = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "HUGEINT": 19, "INTEGER_LITERAL": 10}
"""And how many digits each has as a decimal of Trino's."""
FLOATS = ("DOUBLE", "FLOAT")
MOST_DIGITS = 38

Ask = Callable[[exp.Expr], str | None]


def _decimal(type_: str) -> tuple[int, int] | None:
    """Precision and scale of a number as a decimal of Trino's; None for a double and for what is not a number."""
    if type_ in INTEGERS:
        return INTEGERS[type_], 0
    found = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", type_)
    return (int(found[1]), int(found[2])) if found else None


def known(type_: str | None, node: exp.Expr) -> str:
    if type_ is None:
        raise QueryError(f"NOT_SUPPORTED: the embedded Athena cannot tell the types of {node.sql(dialect=Athena)}")
    return type_


def mismatch(node: exp.Expr, *types: str) -> QueryError:
    return QueryError(
        f"TYPE_MISMATCH: Cannot apply operator to {', '.join(type_.lower() for type_ in types)}:"
        f" {node.sql(dialect=Athena)}"
    )


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def _divide(node: exp.Div, ask: Ask) -> None:
    left, right = (known(ask(side), node) for side in (node.left, node.right))
    if left in FLOATS or right in FLOATS:
        quotient = call("trino_double_quotient", node.left, node.right)
        node.replace(quotient if "DOUBLE" in (left, right) else exp.cast(quotient, "FLOAT", dialect=DuckDB))
    elif left in INTEGERS and right in INTEGERS:
        # sqlglot would make a BIGINT of the quotient of two casts.
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
    # At once, DuckDB would refuse 50e-2 as DECIMAL(3, 2), for its 50.
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
    """DuckDB adds integers to one of 128 bits; Trino's bigint overflows."""
    if ask(node.this) in INTEGERS:
        whole: exp.Expr = node
        while isinstance(whole.parent, exp.Window | exp.Filter) and whole.arg_key == "this":
            whole = whole.parent
        # Not a copy: parts of it may have rules that come later.
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
    """DuckDB takes the default for one of the column's type, Trino takes the type that both have."""
    if (default := node.args.get("default")) is None:
        return
    of, other = (known(ask(side), node) for side in (node.this, default))
    if of in INTEGERS and other in INTEGERS:
        node.this.replace(exp.cast(node.this.copy(), max(of, other, key=INTEGERS.__getitem__), dialect=DuckDB))
    elif of != other and not (other in INTEGERS and (of in FLOATS or _decimal(of))):
        raise QueryError(
            f"NOT_SUPPORTED: the embedded Athena wants a default of the column's type: {node.sql(dialect=Athena)}"
        )


def _compare(node: exp.Expr, ask: Ask) -> None:
    """NaN is the greatest number for DuckDB, and beside no other for Trino."""
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
