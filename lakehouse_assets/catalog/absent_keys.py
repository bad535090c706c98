"""Looks up keys in a table, and finds those that it does not have."""

from __future__ import annotations

import duckdb

from lakehouse_assets.contracts import Contract, Parent
from lakehouse_assets.etl.engines.base import Tables
from lakehouse_assets.etl.engines.embedded.delta import existing_table, look_up
from lakehouse_assets.etl.engines.ranges import key_ranges, within_each
from lakehouse_assets.etl.plan import for_duckdb
from lakehouse_assets.quoting import sql_literal


def find_absent(connection: duckdb.DuckDBPyConnection, tables: Tables, contract: Contract, parent: Parent) -> int:
    """Reads the table `typed`, rows of the contract's dataset. Creates the table `absent`: the values of the parent's
    columns that are not the key of a row in the parent's table. Returns the number of rows with such values.
    """
    table = existing_table(tables.table(parent.dataset), tables.storage_options)
    ranges = {
        f'"{key}"': key_ranges(
            lambda sql: connection.execute(for_duckdb(sql)).fetchall(), "typed", column, contract.column(column).kind
        )
        for column, key in zip(parent.columns, parent.keys, strict=True)
    }
    pairs = [(f'"{column}"', key) for column, key in zip(parent.columns, ranges, strict=True)]
    there = f"SELECT {', '.join(f'{column} AS {key}' for column, key in pairs)} FROM typed WHERE false"
    if table is not None and all(ranges.values()):
        connection.register("keys_there", look_up(table, parent.keys, within_each(ranges, sql_literal)))
        there = "FROM keys_there"
    same = " AND ".join(f"there.{key} = typed.{column}" for column, key in pairs)
    present = " AND ".join(f"typed.{column} IS NOT NULL" for column, _ in pairs)
    names = ", ".join(f"typed.{column}" for column, _ in pairs)
    connection.execute(
        f"CREATE OR REPLACE TABLE absent AS SELECT {names} FROM typed ANTI JOIN ({there}) there ON {same} WHERE"
        f" {present}"
    )
    return int(connection.execute("SELECT count(*) FROM absent").fetchall()[0][0])
