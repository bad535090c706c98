"""The page of the saved queries."""

from __future__ import annotations

from collections.abc import Iterator

import sqlglot
from sqlglot import exp

from docs_reference.markdown import block, bullets, code, page, paragraph, plain
from lakehouse_assets.catalog.queries import named_queries, statement_of
from lakehouse_assets.contracts import read_contracts

INTRODUCTION = (
    "The saved queries about the three shipped datasets. Run one with `lakehouse query NAME`; a deployment has them as"
    " saved queries of its Athena workgroup, too. Their SQL is in `lakehouse_assets/sql/` of the package."
)
BEFORE, AFTER = "-- README: ", " Run it with:"
"""What the first line of each file has around the description."""


def queries_page() -> str:
    """docs/reference/queries.md"""
    return page("Saved queries", INTRODUCTION, *(part for name in named_queries() for part in _query(name)))


def description_of(statement: str) -> str:
    """What a saved query answers: its first line, a comment, without what the page says anyway."""
    return statement.splitlines()[0].removeprefix(BEFORE).removeprefix("-- ").partition(AFTER)[0]


def columns_of(statement: str) -> list[str]:
    """The names of the columns of a query's result."""
    query = sqlglot.parse_one(statement, read="athena")
    assert isinstance(query, exp.Query)
    return list(query.named_selects)


def tables_of(statement: str) -> list[str]:
    """The tables that a query reads, without those that it makes itself (WITH)."""
    tree = sqlglot.parse_one(statement, read="athena")
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    return sorted({table.name for table in tree.find_all(exp.Table) if table.name and table.name not in own})


def _query(name: str) -> Iterator[str]:
    statement = statement_of(name)
    yield f"## {name}"
    yield paragraph(plain(description_of(statement)))
    yield bullets(
        (
            f"Columns: {', '.join(map(code, columns_of(statement)))}",
            f"Reads: {', '.join(map(code, tables_of(statement)))}",
        )
    )
    yield block(f"lakehouse query {name}", "bash")


def known_tables() -> set[str]:
    """The tables that there are: each dataset's, and its rejected records."""
    return {table for dataset in read_contracts() for table in (dataset, f"rejected_{dataset}")}
