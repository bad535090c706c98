"""The saved queries for analysts, `sql/*.sql`."""

from __future__ import annotations

import re
from pathlib import Path

from lakehouse_assets.errors import BadConfiguration

SQL = Path(__file__).parents[1] / "sql"
NAME = re.compile(r"\w+\Z")


def named_queries() -> list[str]:
    """The names of the saved queries, sorted."""
    return sorted(path.stem for path in SQL.glob("*.sql"))


def statement_of(text: str) -> str:
    """The statement of the saved query with this name, or `text` itself if it is a statement. Raises BadConfiguration
    if no saved query has the name, or if the text is empty.
    """
    if not text.strip():
        raise BadConfiguration('There is no statement. Try: lakehouse query "SELECT 1"')
    if not NAME.match(text):
        return text
    if text not in named_queries():
        raise BadConfiguration(
            f"No query is named {text}. There are: {', '.join(named_queries())}. Or write a statement: lakehouse query"
            ' "SELECT 1"'
        )
    return (SQL / f"{text}.sql").read_text("utf-8")
