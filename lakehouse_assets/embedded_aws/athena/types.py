"""Rewrites for DuckDB, or refuses, the operations whose meaning in Trino depends on the types of their operands.

The types depend on the tables, not on the query alone. So DuckDB is asked (DESCRIBE) over empty tables with the same
columns, from the innermost operation outwards.
"""

from __future__ import annotations

from functools import partial

import duckdb
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB

from lakehouse_assets.embedded_aws.athena.functions import Macros
from lakehouse_assets.embedded_aws.athena.refusals import kind_of
from lakehouse_assets.embedded_aws.athena.results import QueryError
from lakehouse_assets.embedded_aws.athena.type_rules import RULES


def depends_on_types(statement: exp.Expr) -> bool:
    """Whether a rule of `type_rules` applies to the statement."""
    return any(type(node) in RULES or isinstance(node, exp.SetOperation) for node in statement.walk())


def by_types(statement: exp.Expr, connection: duckdb.DuckDBPyConnection, macros: Macros) -> None:
    """Rewrites the operations of a statement by the types of their operands, in place.

    Raises QueryError for operations that Trino refuses, and if a type that is needed cannot be determined.
    """
    for node in sorted((node for node in statement.walk() if type(node) in RULES), key=lambda node: -node.depth):
        select = node.find_ancestor(exp.Select)
        RULES[type(node)](node, partial(_type_of, select, statement, connection, macros))
    for operation in statement.find_all(exp.SetOperation):
        macros.make_for(operation.sql(dialect=DuckDB))
        _refuse_other_kinds(operation, statement, connection)


def _refuse_other_kinds(
    operation: exp.SetOperation, statement: exp.Expr, connection: duckdb.DuckDBPyConnection
) -> None:
    """Refuses UNION, INTERSECT and EXCEPT of columns of different kinds. (DuckDB would cast them to text.)"""
    kinds = []
    for side in (operation.left, operation.right):
        asked = side.unnest().copy()
        if with_ := statement.args.get("with_"):
            asked.set("with_", with_.copy())
        try:
            kinds.append(
                [
                    kind_of(type_)
                    for _, type_, *_ in connection.execute(f"DESCRIBE {asked.sql(dialect=DuckDB)}").fetchall()
                ]
            )
        except duckdb.Error:
            return
    for left, right in zip(*kinds, strict=False):
        if left and right and left != right and {left, right} != {"date", "timestamp"}:
            raise QueryError(
                f"TYPE_MISMATCH: columns of {operation.key.upper()} have incompatible types: {left}, {right}"
            )


def _type_of(
    select: exp.Select | None,
    statement: exp.Expr,
    connection: duckdb.DuckDBPyConnection,
    macros: Macros,
    part: exp.Expr,
) -> str | None:
    """DuckDB's type of an expression in this SELECT; None if it cannot be determined (inside a lambda)."""
    if isinstance(part.unnest(), exp.Predicate | exp.Connector | exp.Not):
        # Without asking, because a chain of hundreds of ORs would need hundreds of questions.
        return "BOOLEAN"
    for asked in _questions(part, select, statement):
        sql = asked.sql(dialect=DuckDB)
        macros.make_for(sql)
        try:
            [(_, type_, *_)] = connection.execute(f"DESCRIBE {sql}").fetchall()
        except duckdb.Error:
            continue
        return str(type_)
    return None


def _questions(part: exp.Expr, select: exp.Select | None, statement: exp.Expr) -> list[exp.Select]:
    """SELECTs of the expression alone, to be tried in order: from the sources of its SELECT; also from those of the
    outer SELECTs (a correlated subquery); from the result of its SELECT (ORDER BY).
    """
    if select is None:
        return [exp.select(exp.alias_(part.copy(), "asked"))]
    sources: list[exp.Expr] = []
    asked = []
    around: exp.Select | None = select
    while around is not None:
        sources += [one.copy() for name in ("from_", "joins", "laterals") for one in _parts(around, name)]
        question = exp.Select(expressions=[exp.alias_(part.copy(), "asked")])
        question.set("from_", sources[0] if sources else None)
        question.set("joins", [exp.Join(this=one.this) if isinstance(one, exp.From) else one for one in sources[1:]])
        for name in ("with_", "windows"):
            if given := (statement if name == "with_" else select).args.get(name):
                question.set(name, [one.copy() for one in given] if isinstance(given, list) else given.copy())
        asked.append(question)
        around = around.find_ancestor(exp.Select)
    if part.find_ancestor(exp.Order):
        bare = select.copy()
        for name in ("order", "limit", "offset", "with_"):
            bare.set(name, None)
        asked.append(exp.select(exp.alias_(part.copy(), "asked")).from_(bare.subquery("result")))
    return asked


def _parts(select: exp.Select, name: str) -> list[exp.Expr]:
    part = select.args.get(name)
    return part if isinstance(part, list) else [part] if part else []
