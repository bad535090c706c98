"""Runs queries in a load's DuckDB."""

from __future__ import annotations

from typing import Any

import duckdb


def rows_of(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()


def only_row(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    """The only row. All rows are fetched: DuckDB 2 refuses other work on a connection with an unfinished result."""
    return rows_of(connection, sql)[0]
