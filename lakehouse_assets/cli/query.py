"""`lakehouse query`: a statement, or one of the named ones in sql/, through Athena."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from lakehouse_assets.cli.home import read_home
from lakehouse_assets.cli.output import Format, print_rows
from lakehouse_assets.errors import BadConfiguration

SQL = Path(__file__).parent.parent / "sql"
NAME = re.compile(r"\w+\Z")


def named_queries() -> list[str]:
    return sorted(path.stem for path in SQL.glob("*.sql"))


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
) -> None:
    """Ask the tables, through Athena."""
    from lakehouse_assets.lakehouse import connected

    statement = statement_of(sql)
    with connected(read_home()) as lakehouse:
        result = lakehouse.athena.query(statement)
    print_rows(result.columns, result.rows, form)


def statement_of(text: str) -> str:
    """The statement itself, or what the file of that name holds. Raises BadConfiguration for a name that no file has, and for nothing at all."""
    if not text.strip():
        raise BadConfiguration('There is no statement. Try: lakehouse query "SELECT 1"')
    if not NAME.match(text):
        return text
    if text not in named_queries():
        raise BadConfiguration(f'No query is named {text}. There are: {", ".join(named_queries())}. Or write a statement: lakehouse query "SELECT 1"')
    return (SQL / f"{text}.sql").read_text("utf-8")
