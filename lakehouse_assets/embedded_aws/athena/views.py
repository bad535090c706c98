"""Runs one query over the current versions of Delta tables, in a DuckDB of its own that can read only their files.

Each table is a view over its live files on disk (without an extension that would have to be downloaded). Columns have
the types of the table's schema, and are NULL in older files that lack them. Partition columns have the values in the
table's log, whatever the folders are called.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb
from sqlglot.dialects.duckdb import DuckDB

from lakehouse_assets.embedded_aws.athena.delta_tables import DeltaType, Snapshot, type_in
from lakehouse_assets.embedded_aws.athena.functions import Macros
from lakehouse_assets.embedded_aws.athena.refusals import refuse
from lakehouse_assets.embedded_aws.athena.results import QueryError
from lakehouse_assets.embedded_aws.athena.sql import CATALOG, Query, TableName
from lakehouse_assets.embedded_aws.athena.types import by_types, depends_on_types
from lakehouse_assets.quoting import sql_literal, sql_name

DUCKDB_NAMES = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "integer": "INTEGER",
    "short": "SMALLINT",
    "byte": "TINYINT",
    "binary": "BLOB",
    "timestamp": "TIMESTAMPTZ",
    "timestamp_ntz": "TIMESTAMP",
}
DUCKDB_NESTED = {
    "array": "{element}[]",
    "map": "MAP({key},{value})",
    "struct": "STRUCT({fields})",
    "field": '"{name}" {type}',
}
SETTINGS = {
    "memory_limit": "'1GB'",
    "threads": str(min(4, os.cpu_count() or 1)),
    "TimeZone": "'UTC'",
    "enable_progress_bar": "false",
    # Trino divides integers to an integer.
    "integer_division": "true",
    # It would remove computations that may overflow: `n - 1 = 7` becomes `n = 8`.
    "disabled_optimizers": "'expression_rewriter'",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}
# No database of the Glue catalog can have a space in its name.
LIVE_FILES = '"live files"'
SHAPES = '"shapes"'
"""A catalog of empty tables, which are asked for types."""


ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class Answer:
    """The result of a query: column names, the names of their DuckDB types, and batches of rows as Python values."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: Iterator[list[tuple[Any, ...]]]


@dataclass(frozen=True)
class DeltaFiles:
    """The current version of a Delta table, and the paths of its live files on disk, in the same order."""

    snapshot: Snapshot
    paths: tuple[str, ...]


def open_database() -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory for `answer`, without threads: a process that has threads cannot be forked safely."""
    connection = duckdb.connect(":memory:", config={"threads": 1, "async_threads": 0})
    for catalog in (CATALOG, SHAPES):
        connection.execute(f"ATTACH ':memory:' AS {catalog}")
    return connection


@contextmanager
def answer(
    opened: duckdb.DuckDBPyConnection, query: Query, tables: Mapping[TableName, DeltaFiles], database: str
) -> Iterator[Answer]:
    """Runs the query in a database of `open_database`, which cannot be used again. Its rows can be read inside the
    context. Raises QueryError with DuckDB's reason if it fails.
    """
    # A connection of its own: a forked one would have the same random numbers in each process.
    with opened.cursor() as connection:
        for name, value in {**SETTINGS, "temp_directory": sql_literal(tempfile.gettempdir())}.items():
            connection.execute(f"SET {name} = {value}")
        for catalog in (CATALOG, SHAPES):
            for schema in {database.lower(), *(table.database for table in tables)} - {"main"}:
                connection.execute(f"CREATE SCHEMA {catalog}.{sql_name(schema)}")
        macros = Macros(connection)
        sql = _with_types(connection, macros, query, tables, database)
        macros.make_for(sql)
        connection.execute(f"CREATE SCHEMA {CATALOG}.{LIVE_FILES}")
        readable: list[str] = []
        for number, (table, files) in enumerate(tables.items()):
            readable += _create_view(connection, table, files, f"{CATALOG}.{LIVE_FILES}.table_{number}")
        connection.execute(f"SET allowed_paths = {_list(readable)}")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        connection.execute(f"USE {CATALOG}.{sql_name(database.lower())}")
        with _failures_named():
            description = connection.execute(sql).description or []
            types = tuple(column[1].id for column in description)
            if "interval" in types:
                raise QueryError(
                    "NOT_SUPPORTED: the embedded Athena does not return intervals; use date_diff for a number of units"
                )
            yield Answer(tuple(column[0] for column in description), types, _rows(connection))


def _with_types(
    connection: duckdb.DuckDBPyConnection,
    macros: Macros,
    query: Query,
    tables: Mapping[TableName, DeltaFiles],
    database: str,
) -> str:
    """The query in DuckDB's SQL, with operations that depend on types rewritten. Raises QueryError for refused ones."""
    statement = query.statement
    if not query.questions and not depends_on_types(statement):
        return statement.sql(dialect=DuckDB)
    for table, files in tables.items():
        columns = ", ".join(
            f"{sql_name(field.name.lower())} {_duckdb_type(field.type)}" for field in files.snapshot.fields
        )
        connection.execute(f"CREATE TABLE {SHAPES}.{sql_name(table.database)}.{sql_name(table.table)} ({columns})")
    connection.execute(f"USE {SHAPES}.{sql_name(database.lower())}")
    for question in query.questions:
        macros.make_for(question.sql)
        refuse(connection, question)
    by_types(statement, connection, macros)
    return statement.sql(dialect=DuckDB)


def _rows(connection: duckdb.DuckDBPyConnection) -> Iterator[list[tuple[Any, ...]]]:
    while rows := connection.fetchmany(ROWS_AT_ONCE):
        yield rows


@contextmanager
def _failures_named() -> Iterator[None]:
    try:
        yield
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException) as error:
        raise QueryError(f"SYNTAX_ERROR: {error}") from error
    except duckdb.Error as error:
        raise QueryError(f"GENERIC_USER_ERROR: {error}") from error


def _create_view(
    connection: duckdb.DuckDBPyConnection, table: TableName, delta: DeltaFiles, files_table: str
) -> list[str]:
    """Creates the view of a table. Returns the files that it reads."""
    snapshot, files = delta.snapshot, list(delta.paths)
    types = {field.name: _duckdb_type(field.type) for field in snapshot.fields}
    in_files = {name: type_ for name, type_ in types.items() if name not in snapshot.partition_columns}
    # A relation without rows provides the columns, for tables without files and for files that lack a column.
    no_values = [
        f"CAST(NULL AS {type_}) AS {sql_name(name)}" for name, type_ in {**in_files, "__file__": "VARCHAR"}.items()
    ]
    data = f"SELECT {', '.join(no_values)} WHERE false"
    if files:
        data += (
            f" UNION ALL BY NAME FROM read_parquet({_list(files)}, union_by_name = true, hive_partitioning = false,"
            " filename = '__file__')"
        )
    partition = {name: types[name] for name in snapshot.partition_columns}
    values = {
        f"value_{number}": [file.partition[name] for file in snapshot.live_files]
        for number, name in enumerate(partition)
    }
    unnested = ", ".join(
        ["unnest(CAST($file AS VARCHAR[])) AS __file__"]
        + [
            f"unnest(CAST($value_{n} AS {type_}[])) AS {sql_name(name)}"
            for n, (name, type_) in enumerate(partition.items())
        ]
    )
    connection.execute(f"CREATE TABLE {files_table} AS SELECT {unnested}", {"file": files, **values})
    columns = ", ".join(
        f"CAST({'files' if name in partition else 'data'}.{sql_name(name)} AS {type_}) AS {sql_name(name.lower())}"
        for name, type_ in types.items()
    )
    joined = (
        f"({data}) AS data JOIN {files_table} AS files ON data.__file__ = files.__file__"
        if partition
        else f"({data}) AS data"
    )
    connection.execute(
        f"CREATE VIEW {CATALOG}.{sql_name(table.database)}.{sql_name(table.table)} AS SELECT {columns} FROM {joined}"
    )
    return files


def _duckdb_type(type_: DeltaType) -> str:
    return type_in(DUCKDB_NAMES, DUCKDB_NESTED, type_)


def _list(texts: list[str]) -> str:
    return "[" + ", ".join(map(sql_literal, texts)) + "]"
