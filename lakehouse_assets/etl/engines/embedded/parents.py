"""Looks up parent keys in a parent's table."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from lakehouse_assets.contracts import Parent
from lakehouse_assets.etl.engines.base import Tables
from lakehouse_assets.etl.engines.embedded import delta
from lakehouse_assets.etl.engines.ranges import Range, within_each
from lakehouse_assets.etl.plan import parent_keys, parent_relation
from lakehouse_assets.quoting import sql_literal


def find_parent_keys(
    connection: duckdb.DuckDBPyConnection,
    tables: Tables,
    parent: Parent,
    ranges: Sequence[list[Range]],
    what: str,
    condition: str = "",
) -> str:
    """Creates the table `<what>_<columns>` of the keys in the ranges that exist in the parent's table, and returns its
    name. `ranges`: for each column of the parent. `condition`: a further condition on the parent's rows, which begins
    with AND.
    """
    into = parent_relation(what, parent)
    table = delta.existing_table(tables.table(parent.dataset), tables.storage_options)
    connection.execute(f"CREATE TABLE {into} AS SELECT {_as_keys(parent, parent.columns)} FROM judged_rows LIMIT 0")
    would_be = delta.existing_table(str(tables.dry_run / parent.dataset), {}) if tables.dry_run else None
    keys = {f'"{key}"': found for key, found in zip(parent.keys, ranges, strict=True)}
    for each in (table, would_be):
        if each is not None and all(ranges):
            found = delta.look_up(each, parent.keys, within_each(keys, sql_literal) + condition)
            connection.execute(f"INSERT INTO {into} SELECT {_as_keys(parent, parent.keys)} FROM found")
            del found
    return into


def _as_keys(parent: Parent, columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}" AS {key}' for column, key in zip(columns, parent_keys(parent), strict=True))
