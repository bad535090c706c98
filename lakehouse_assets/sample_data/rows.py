"""Valid sample rows, made by the sample expressions in the contracts. No dataset and no column is named here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

import duckdb

from lakehouse_assets.contracts import Column, Contract, Contracts, Kind
from lakehouse_assets.contracts.model import NUMBERS
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.quoting import sql_literal

Row = dict[str, str]
"""By column: the text in a file. A missing value is an empty text."""
SPARE_ROWS = 40
"""Additional rows that no other row refers to. Their keys are used for rows with errors."""
CANDIDATES = 4
"""For a key of several columns: so many times the rows are made, and the first one of each key is taken. Such a key
is often made of random parents, whose combinations repeat.
"""


def sample_rows(contracts: Contracts) -> dict[str, list[Row]]:
    """By dataset: the `sample_rows` rows of its contract and SPARE_ROWS more. Parents are among the first rows of their
    dataset. Each call returns the same rows.

    A dataset is left out if a required column has neither a sample expression nor a parent, or if its parent is left
    out. Raises BadConfiguration for an expression that DuckDB cannot evaluate, and for a key of several columns that
    has too few different values.
    """
    rows: dict[str, list[Row]] = {}
    with duckdb.connect() as connection:
        for contract in contracts.values():
            if not _can_be_sampled(contract, rows):
                continue
            try:
                connection.execute(f'CREATE TABLE "sample_{contract.dataset}" AS {_samples_sql(contract, contracts)}')
            except duckdb.Error as error:
                raise BadConfiguration(
                    f"{contract.document}: a sample expression of {contract.dataset} cannot be used: {error}"
                ) from error
            rows[contract.dataset] = _as_text(connection, contract)
            found, needed = len(rows[contract.dataset]), contract.sample_rows + SPARE_ROWS
            if found < needed:
                raise BadConfiguration(
                    f"{contract.document}: the sample expressions of {contract.dataset} give only {found} different"
                    f" values of {contract.key_in_words}; {needed} are needed (sampleRows and {SPARE_ROWS} more). State"
                    " a smaller sampleRows, or expressions with more values."
                )
    return rows


def values_of(row: Row, columns: Iterable[str]) -> tuple[str, ...]:
    return tuple(row[column] for column in columns)


def key_of(contract: Contract, row: Row) -> Row:
    """The row's key columns only."""
    return {name: row[name] for name in contract.keys}


def _can_be_sampled(contract: Contract, sampled: Mapping[str, object]) -> bool:
    given = {column for parent in contract.parents for column in parent.columns}
    return all(parent.dataset in sampled for parent in contract.parents) and all(
        column.sample or column.name in given or not column.required for column in contract.file_columns
    )


def _samples_sql(contract: Contract, contracts: Contracts) -> str:
    """A SELECT of `n`, of the parents' rows as structs named after their datasets, and of the columns in their order,
    so that each expression may use the columns before it.
    """
    parents = dict.fromkeys(parent.dataset for parent in contract.parents)
    joins = [
        f' JOIN (SELECT s AS "{parent}", s.n AS parent_n FROM "sample_{parent}" s) p_{place}'
        f" ON p_{place}.parent_n = 1 + hash(numbers.n, {place}) % {contracts[parent].sample_rows}"
        for place, parent in enumerate(parents)
    ]
    named = "".join(f', "{parent}"' for parent in parents)
    rows = contract.sample_rows + SPARE_ROWS
    candidates = rows if len(contract.keys) == 1 else CANDIDATES * rows
    sql = f"SELECT numbers.n{named} FROM range(1, {candidates + 1}) AS numbers(n){''.join(joins)}"
    for column in contract.columns:
        sql = (
            f'SELECT *, CAST(({_expression(contract, column)}) AS {column.type.upper()}) AS "{column.name}" FROM'
            f" ({sql})"
        )
    names = ", ".join(f'"{name}"' for name in contract.names)
    if len(contract.keys) > 1:
        key = ", ".join(f'"{name}"' for name in contract.keys)
        first = f"SELECT * FROM ({sql}) QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY n) = 1"
        sql = f"SELECT * REPLACE (row_number() OVER (ORDER BY n) AS n) FROM ({first}) ORDER BY n LIMIT {rows}"
    return f"SELECT n, {names} FROM ({sql}) ORDER BY n"


def in_forms(contract: Contract, row: Row) -> list[str]:
    """The row's texts as a file has them: of each column that files have, in its declared form. A text that is not a
    value of its column stays as it is.
    """
    return [_in_form(row[column.name], column) for column in contract.file_columns]


def _in_form(text: str, column: Column) -> str:
    form = column.written
    if form is None or not text or column.kind is Kind.BOOLEAN:
        return text
    try:
        if column.kind in NUMBERS:
            return form.of_number(str(Decimal(text)))
        return form.of_time(datetime.fromisoformat(text)) or text
    except (ArithmeticError, ValueError):
        return text


def _expression(contract: Contract, column: Column) -> str:
    if column.sample:
        return column.sample
    # A column that is part of several parents takes its value from the one with the most columns, whose other columns
    # must fit it.
    for parent in sorted(contract.parents, key=lambda parent: -len(parent.columns)):
        if column.name in parent.columns:
            return f'"{parent.dataset}"."{parent.keys[parent.columns.index(column.name)]}"'
    return "NULL"


def _as_text(connection: duckdb.DuckDBPyConnection, contract: Contract) -> list[Row]:
    blanked = ", ".join(f"coalesce({_text(column)}, '')" for column in contract.columns)
    found = connection.execute(f'SELECT {blanked} FROM "sample_{contract.dataset}" ORDER BY n').fetchall()
    return [dict(zip(contract.names, values, strict=True)) for values in found]


def _text(column: Column) -> str:
    """The text of a column's value in a file, in DuckDB's SQL."""
    name = f'"{column.name}"'
    match column.kind:
        case Kind.TIMESTAMP:
            return f"strftime({name}, '%Y-%m-%dT%H:%M:%S')"
        case Kind.BOOLEAN:
            true, false = (sql_literal(values[0]) for values in (column.true_values, column.false_values))
            return f"CASE WHEN {name} THEN {true} WHEN NOT {name} THEN {false} END"
        case _:
            return f"CAST({name} AS VARCHAR)"
