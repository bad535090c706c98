"""`lakehouse query`: runs a statement, or a saved query of sql/, through Athena."""

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
from lakehouse_assets.cli.home import missing_tables_explained, read_home
from lakehouse_assets.cli.terminal.formats import Format, Raw, print_rows
from lakehouse_assets.connect import connected
from lakehouse_assets.errors import BadConfiguration

CHANGES = re.compile(
    r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(?:ALTER|CALL|COMMENT|CREATE|DEALLOCATE|DELETE|DENY|DROP|EXECUTE|GRANT|INSERT|MERGE|MSCK|OPTIMIZE|PREPARE|REFRESH|"
    r"RENAME|REPLACE|REVOKE|SET|TRUNCATE|UNLOAD|UPDATE|USE|VACUUM)\b",
    re.DOTALL | re.IGNORECASE,
)
"""How a statement that modifies something begins, in Athena's or in Trino's SQL."""
EXECUTED = re.compile(r"\s*ANALYZE\s+(?:VERBOSE\s+)?(.*)", re.DOTALL | re.IGNORECASE)
"""The statement of an EXPLAIN that is executed, not only planned."""


def query(
    sql: Annotated[
        str,
        typer.Argument(
            metavar="SQL",
            help=f"A SELECT statement, or the name of a saved query: {', '.join(named_queries())}.",
            show_default=False,
            autocompletion=named_queries,
        ),
    ],
    form: Annotated[Format, typer.Option("--format", help="The output format.")] = Format.TABLE,
    raw: Raw = False,
) -> None:
    """Run a read-only SQL query through Athena.

    Takes one statement in Athena's SQL (Trino's), or the name of a saved query. Statements that modify data are
    rejected.
    """
    statement = statement_of(sql)
    if not is_read_only(statement):
        raise BadConfiguration(
            "`lakehouse query` is read-only: give one query (SELECT, WITH, VALUES, SHOW, DESCRIBE or EXPLAIN). To"
            " change rows, load a file: lakehouse load FILE"
        )
    with connected(read_home()) as lakehouse, failures_named("Querying Athena"), missing_tables_explained(lakehouse):
        result = lakehouse.athena.query(statement, called=sql)
    print_rows(result.columns, result.rows, form, raw=raw)


def is_read_only(statement: str) -> bool:
    """Whether it is one query that modifies nothing. A statement that sqlglot cannot parse is left to Athena, unless
    its first word modifies something.
    """
    # It warns for each SHOW and EXPLAIN that it parses only the first word.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    try:
        found = [each for each in sqlglot.parse(statement, read=Athena) if each is not None]
    except SqlglotError:
        return CHANGES.match(statement) is None
    if len(found) != 1:
        return False
    if isinstance(found[0], exp.Command):
        executed = EXECUTED.match(found[0].text("expression"))
        return found[0].name.upper() in ("SHOW", "EXPLAIN") and (executed is None or is_read_only(executed[1]))
    return (
        isinstance(found[0], exp.Query | exp.Values | exp.Describe)
        and found[0].find(exp.DML, exp.DDL, exp.Into) is None
    )
