"""Looks up parent keys in a parent's table."""

from __future__ import annotations

import duckdb

from lakehouse_assets.contracts import Parent
from lakehouse_assets.etl.engines.base import Tables
from lakehouse_assets.etl.engines.embedded import delta
from lakehouse_assets.etl.engines.ranges import Range, within
from lakehouse_assets.quoting import sql_literal


def find_parent_keys(
    connection: duckdb.DuckDBPyConnection,
    tables: Tables,
    parent: Parent,
    ranges: list[Range],
    into: str,
    condition: str = "",
) -> str:
    """Creates the table `into` (parent_key) of the keys in the ranges that exist in the parent's table, and returns its
    name. `condition`: a further condition on the parent's rows, which begins with AND.
    """
    table = delta.existing_table(tables.table(parent.dataset), tables.storage_options)
    if table is None or not ranges:
        connection.execute(f'CREATE TABLE {into} AS SELECT "{parent.column}" AS parent_key FROM judged_rows LIMIT 0')
        return into
    found = delta.look_up(table, [parent.key], within(f'"{parent.key}"', ranges, sql_literal) + condition)
    connection.execute(f'CREATE TABLE {into} AS SELECT "{parent.key}" AS parent_key FROM found')
    del found
    return into
