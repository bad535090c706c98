"""Translates a query from Athena's SQL to DuckDB's, and lists the tables that it names.

The dialects are imported, not named by strings: sqlglot finds a dialect by its name before its module is fully loaded.
If the first queries came at the same time, one of them failed (`name '_TrinoTokenizer' is not defined`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.dialects.athena import Athena
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from lakehouse_assets.embedded_aws.athena.functions import call_macros
from lakehouse_assets.embedded_aws.athena.refusals import Question, questions
from lakehouse_assets.embedded_aws.athena.results import QueryError
from lakehouse_assets.embedded_aws.athena.vocabulary import refuse_forms, refuse_words
from lakehouse_assets.embedded_aws.messages import plain

CATALOG = "awsdatacatalog"
# Expressions in a SELECT that have a name, or need none.
NAMED = exp.Alias | exp.Column | exp.Dot | exp.Star


@dataclass(frozen=True, order=True)
class TableName:
    """A table of the Glue catalog, in lower case as in Athena."""

    database: str
    table: str


@dataclass(frozen=True)
class Query:
    """One SELECT, translated as far as possible without the tables' columns; all tables that it names; the questions to
    ask before it runs.
    """

    statement: exp.Expr
    tables: frozenset[TableName]
    questions: tuple[Question, ...]


def translate(sql: str, parameters: Sequence[str], database: str) -> Query:
    """Translates Athena's SQL (Trino's) to DuckDB's.

    `parameters`: the values of the `?` in the query, as SQL literals: `5`, `'text'`, `DATE '2025-04-01'`. `database`:
    the database of unqualified table names. Raises QueryError if this is not a single SELECT, if the number of
    parameters is wrong, or if it contains something that is not supported.
    """
    try:
        whole = _with_typed_decimals(_with_parameters(sql, parameters))
        statements = sqlglot.parse(whole, read=Athena)
    except SqlglotError as error:
        raise QueryError(f"SYNTAX_ERROR: {plain(error)}") from error
    except RecursionError as error:
        raise QueryError(
            "NOT_SUPPORTED: the statement is nested too deeply for the embedded Athena; split it with WITH"
        ) from error
    if len(statements) != 1 or statements[0] is None:
        raise QueryError("SYNTAX_ERROR: Only one sql statement is allowed")
    statement = statements[0]
    if not isinstance(statement, exp.Query | exp.Values):
        raise QueryError("NOT_SUPPORTED: the embedded Athena answers only SELECT")
    refuse_words(
        sqlglot.tokenize(whole, read=Athena), frozenset(cte.alias.lower() for cte in statement.find_all(exp.CTE))
    )
    refuse_forms(statement)
    tables = frozenset(_table_names(statement, database.lower()))
    call_macros(statement)
    asked = questions(statement)
    _name_columns(statement)
    return Query(statement, tables, asked)


def _with_parameters(sql: str, parameters: Sequence[str]) -> str:
    """Replaces each `?` token by its literal. (A `?` in a string or comment is not a token.)"""
    places = [token for token in sqlglot.tokenize(sql, read=Athena) if token.token_type == TokenType.PLACEHOLDER]
    if len(places) != len(parameters):
        raise QueryError(
            f"SYNTAX_ERROR: Incorrect number of parameters: expected {len(places)} but found {len(parameters)}"
        )
    for place, parameter in reversed(list(zip(places, parameters, strict=True))):
        sql = sql[: place.start] + _literal(parameter) + sql[place.end + 1 :]
    return sql


def _with_typed_decimals(sql: str) -> str:
    """Gives decimals their precision and scale: `DECIMAL '1.50'` has those of its text, a cast to DECIMAL has (38, 0).
    sqlglot parses both alike.
    """
    tokens = sqlglot.tokenize(sql, read=Athena)
    for before, word, text in reversed(list(zip([None, *tokens], tokens, tokens[1:], strict=False))):
        if word.text.lower() != "decimal":
            continue
        if text.token_type == TokenType.STRING:
            whole, _, part = text.text.lstrip("+-").partition(".")
            sql = (
                f"{sql[: word.start]}CAST('{text.text}' AS DECIMAL({max(1, len(whole + part))},"
                f" {len(part)})){sql[text.end + 1 :]}"
            )
        elif before and before.token_type == TokenType.ALIAS and text.token_type == TokenType.R_PAREN:
            sql = f"{sql[: word.end + 1]}(38, 0){sql[word.end + 1 :]}"
    return sql


def _literal(parameter: str) -> str:
    expression = sqlglot.parse_one(parameter, read=Athena)
    if any(
        isinstance(node, exp.Column | exp.Query | exp.Func) and not isinstance(node, exp.Cast)
        for node in expression.walk()
    ):
        raise QueryError(f"SYNTAX_ERROR: the parameter {parameter} is not a literal; strings need single quotes")
    return f"({expression.sql(dialect=Athena)})"


def _table_names(statement: exp.Expr, database: str) -> list[TableName]:
    """All tables of the catalog that the statement names. Adds the database to each reference, in place."""
    names = []
    for table in list(statement.find_all(exp.Table)):
        if not isinstance(table.this, exp.Identifier):
            raise QueryError(
                f"FUNCTION_NOT_FOUND: the embedded Athena has no table function {table.this.sql(dialect=Athena)}"
            )
        if table.catalog.lower() not in ("", CATALOG):
            raise QueryError(f"CATALOG_NOT_FOUND: Catalog '{table.catalog}' does not exist")
        if table.db or not _is_common_table_expression(table, statement):
            name = TableName(table.db.lower() or database, table.name.lower())
            table.set("db", exp.to_identifier(name.database, quoted=True))
            names.append(name)
    return names


def _is_common_table_expression(table: exp.Table, statement: exp.Expr) -> bool:
    """Whether the name is that of a WITH query. Inside a WITH query its own name is the catalog's table, unless the
    query is recursive.
    """
    around = table.find_ancestor(exp.CTE)
    while around is not None:
        if around.alias.lower() == table.name.lower():
            return bool(around.parent and around.parent.args.get("recursive"))
        around = around.find_ancestor(exp.CTE)
    return any(cte.alias.lower() == table.name.lower() for cte in statement.find_all(exp.CTE))


def _name_columns(statement: exp.Expr) -> None:
    """Names columns without a name as Athena does: the third is `_col2`. (DuckDB uses the expression.)"""
    select = statement
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if isinstance(select, exp.Select):
        for number, column in enumerate(select.expressions):
            if not isinstance(column, NAMED):
                column.replace(exp.alias_(column.copy(), f"_col{number}"))
