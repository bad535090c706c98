"""Refuses two things that Trino refuses and DuckDB answers: an alias of the same SELECT outside ORDER BY, and operands
of two kinds (`id = '1'`, `id || 'x'`).

The query alone does not show them: a name may be that of a column, and a column's kind depends on its table. So DuckDB
is asked (DESCRIBE) over empty tables with the same columns. If it cannot answer (a correlated subquery, an aggregate),
the query is not refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import duckdb
from sqlglot import exp
from sqlglot.dialects.athena import Athena
from sqlglot.dialects.duckdb import DuckDB

from lakehouse_assets.embedded_aws.athena.results import QueryError

WITHOUT_ALIASES = ("where", "group", "having")
OPERATIONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.DPipe)
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
KINDS = {
    "BLOB": "varbinary",
    "VARCHAR": "varchar",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    **dict.fromkeys(NUMBERS, "number"),
}

NESTED = "nested"


@dataclass(frozen=True)
class Question:
    """A SELECT whose column types DuckDB is asked for. `alias`: the name that it selects. Otherwise its columns are the
    two operands of each of `operations`.
    """

    sql: str
    alias: str = ""
    operations: tuple[str, ...] = ()


def questions(statement: exp.Expr) -> tuple[Question, ...]:
    """The questions to ask before a query runs."""
    return tuple(question for select in statement.find_all(exp.Select) for question in _of_select(select, statement))


def refuse(connection: duckdb.DuckDBPyConnection, question: Question) -> None:
    """Raises QueryError with Trino's reason if DuckDB's answer is one that Trino refuses."""
    try:
        kinds = [kind_of(type_) for _, type_, *_ in connection.execute(f"DESCRIBE {question.sql}").fetchall()]
    except duckdb.Error as error:
        if question.alias and f'column "{question.alias}" not found' in str(error):
            name = question.alias
            raise QueryError(
                f"COLUMN_NOT_FOUND: Column '{name}' cannot be resolved: an alias can be used only in ORDER BY of the"
                " same SELECT"
            ) from error
        return
    for operation, left, right in zip(question.operations, kinds[::2], kinds[1::2], strict=False):
        if NESTED in (left, right) and not (left == right and ("||" in operation or operation.startswith("CONCAT("))):
            raise QueryError(
                "NOT_SUPPORTED: the embedded Athena does not compare arrays, maps and rows (Athena treats NULLs in them"
                f" as unknown): {operation}"
            )
        if left and right and left != right and {left, right} != {"date", "timestamp"}:
            raise QueryError(f"TYPE_MISMATCH: Cannot apply operator to {left} and {right}: {operation}")


def _of_select(select: exp.Select, statement: exp.Expr) -> Iterator[Question]:
    aliases = {column.alias.lower() for column in select.expressions if isinstance(column, exp.Alias)}
    parts = [part for name in WITHOUT_ALIASES if (part := select.args.get(name))] + list(select.expressions)
    own = [
        node
        for part in parts
        for node in part.find_all(exp.Column, exp.In, exp.Between, exp.Concat, *OPERATIONS)
        if node.find_ancestor(exp.Select) is select
    ]
    for name in sorted(
        aliases & {node.name.lower() for node in own if isinstance(node, exp.Column) and not node.table}
    ):
        yield Question(_asked([exp.column(name, quoted=True)], select, statement), alias=name)
    pairs = [(*pair, node.sql(dialect=Athena)) for node in own if not node.find(exp.Subquery) for pair in _pairs(node)]
    # Operands with aggregates are asked for one by one: together they would need a GROUP BY.
    alone = [pair for pair in pairs if pair[0].find(exp.AggFunc, exp.Window) or pair[1].find(exp.AggFunc, exp.Window)]
    for together in [[pair for pair in pairs if pair not in alone], *([pair] for pair in alone)]:
        if together:
            sides = [side for left, right, _ in together for side in (left, right)]
            yield Question(_asked(sides, select, statement), operations=tuple(operation for *_, operation in together))


def _pairs(node: exp.Expr) -> list[tuple[exp.Expr, exp.Expr]]:
    """The pairs of operands that must be of one kind."""
    match node:
        case exp.In():
            return [(node.this, one) for one in node.expressions]
        case exp.Between():
            return [(node.this, node.args[end]) for end in ("low", "high")]
        case exp.Concat():
            return list(pairwise(node.expressions)) if len(node.expressions) > 1 else []
        case exp.Binary():
            return [(node.left, node.right)] if isinstance(node, OPERATIONS) else []
    return []


def _asked(columns: list[exp.Expr], select: exp.Select, statement: exp.Expr) -> str:
    """A SELECT of these columns from the sources of the given SELECT."""
    asked = exp.Select(expressions=[exp.alias_(column.copy(), f"c{number}") for number, column in enumerate(columns)])
    for name in ("from_", "joins", "laterals"):
        part = select.args.get(name)
        asked.set(name, [one.copy() for one in part] if isinstance(part, list) else part and part.copy())
    if with_ := statement.args.get("with_"):
        asked.set("with_", with_.copy())
    return asked.sql(dialect=DuckDB)


def kind_of(type_: str) -> str | None:
    """The kind of a DuckDB type; None for types that are not compared."""
    if type_.endswith("]") or type_.startswith(("MAP(", "STRUCT(")):
        return NESTED
    return KINDS.get(type_.partition("(")[0].removesuffix(" WITH TIME ZONE"))
