"""`lakehouse query`: a statement, or one of the named ones in sql/, through Athena."""

from __future__ import annotations

import logging
import re
from typing import Annotated

import sqlglot
import typer
from sqlglot import exp
from sqlglot.dialects.athena import Athena
from sqlglot.errors import SqlglotError

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.catalog.queries import named_queries, statement_of
from lakehouse_assets.cli.home import read_home, tables_asked
from lakehouse_assets.cli.terminal.formats import Format, Raw, print_rows
from lakehouse_assets.connect import connected
from lakehouse_assets.errors import BadConfiguration

CHANGES = re.compile(
    r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(?:ALTER|CALL|COMMENT|CREATE|DEALLOCATE|DELETE|DENY|DROP|EXECUTE|GRANT|INSERT|MERGE|MSCK|OPTIMIZE|PREPARE|REFRESH|"
    r"RENAME|REPLACE|REVOKE|SET|TRUNCATE|UNLOAD|UPDATE|USE|VACUUM)\b",
    re.DOTALL | re.IGNORECASE,
)
"""What a statement that changes something begins with, in Athena or in Trino, whose SQL it has."""
EXECUTED = re.compile(r"\s*ANALYZE\s+(?:VERBOSE\s+)?(.*)", re.DOTALL | re.IGNORECASE)
"""Of an EXPLAIN: what it does not only plan, but carry out."""


def query(
    sql: Annotated[
        str,
        typer.Argument(
            metavar="SQL",
            help=f"A SELECT statement, or the name of one that is kept: {', '.join(named_queries())}.",
            show_default=False,
            autocompletion=named_queries,
        ),
    ],
    form: Annotated[Format, typer.Option("--format", help="How the answer is written.")] = Format.TABLE,
    raw: Raw = False,
) -> None:
    """Run a read-only SQL query through Athena."""
    statement = statement_of(sql)
    if not asks(statement):
        raise BadConfiguration(
            "lakehouse query asks; it changes nothing. It takes one query (SELECT, WITH, VALUES, SHOW, DESCRIBE,"
            " EXPLAIN), and this is none. Rows are changed by files: lakehouse load FILE"
        )
    with connected(read_home()) as lakehouse, failures_named("Asking Athena"), tables_asked(lakehouse):
        result = lakehouse.athena.query(statement, called=sql)
    print_rows(result.columns, result.rows, form, raw=raw)


def asks(statement: str) -> bool:
    """Whether it is one query, which changes nothing. What cannot be read here Athena shall judge, unless its first
    word says that it changes something.
    """
    # It warns of each SHOW and EXPLAIN that it reads no further than the first word.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    try:
        found = [each for each in sqlglot.parse(statement, read=Athena) if each is not None]
    except SqlglotError:
        return CHANGES.match(statement) is None
    if len(found) != 1:
        return False
    if isinstance(found[0], exp.Command):
        executed = EXECUTED.match(found[0].text("expression"))
        return found[0].name.upper() in ("SHOW", "EXPLAIN") and (executed is None or asks(executed[1]))
    return (
        isinstance(found[0], exp.Query | exp.Values | exp.Describe)
        and found[0].find(exp.DML, exp.DDL, exp.Into) is None
    )
