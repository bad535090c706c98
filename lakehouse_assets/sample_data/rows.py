"""Valid sample rows, made by the sample expressions in the contracts. No dataset and no column is named here."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from lakehouse_assets.contracts import Column, Contract, Contracts, Kind
from lakehouse_assets.errors import BadConfiguration

Row = dict[str, str]
"""By column: the text in a file. A missing value is an empty text."""
SPARE_ROWS = 40
"""Additional rows that no other row refers to. Their keys are used for rows with errors."""
DUCKDB_TYPES = {
    Kind.INT: "INTEGER",
    Kind.BIGINT: "BIGINT",
    Kind.DOUBLE: "DOUBLE",
    Kind.STRING: "VARCHAR",
    Kind.DATE: "DATE",
    Kind.TIMESTAMP: "TIMESTAMP",
}


def sample_rows(contracts: Contracts) -> dict[str, list[Row]]:
    """By dataset: the `sample_rows` rows of its contract and SPARE_ROWS more. Parents are among the first rows of their
    dataset. Each call returns the same rows.

    A dataset is left out if a required column has neither a sample expression nor a parent, or if its parent is left
    out. Raises BadConfiguration for an expression that DuckDB cannot evaluate.
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
    return rows


def _can_be_sampled(contract: Contract, sampled: Mapping[str, object]) -> bool:
    given = {parent.column for parent in contract.parents}
    return all(parent.dataset in sampled for parent in contract.parents) and all(
        column.sample or column.name in given or not column.required for column in contract.columns
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
    sql = (
        f"SELECT numbers.n{named} FROM range(1, {contract.sample_rows + SPARE_ROWS + 1}) AS numbers(n){''.join(joins)}"
    )
    for column in contract.columns:
        sql = (
            f'SELECT *, CAST(({_expression(contract, column)}) AS {DUCKDB_TYPES[column.kind]}) AS "{column.name}" FROM'
            f" ({sql})"
        )
    names = ", ".join(f'"{name}"' for name in contract.names)
    return f"SELECT n, {names} FROM ({sql}) ORDER BY n"


def _expression(contract: Contract, column: Column) -> str:
    if column.sample:
        return column.sample
    parent = next((parent for parent in contract.parents if parent.column == column.name), None)
    return f'"{parent.dataset}"."{parent.key}"' if parent else "NULL"


def _as_text(connection: duckdb.DuckDBPyConnection, contract: Contract) -> list[Row]:
    texts = [
        f"strftime(\"{c.name}\", '%Y-%m-%dT%H:%M:%S')" if c.kind is Kind.TIMESTAMP else f'CAST("{c.name}" AS VARCHAR)'
        for c in contract.columns
    ]
    blanked = ", ".join(f"coalesce({text}, '')" for text in texts)
    found = connection.execute(f'SELECT {blanked} FROM "sample_{contract.dataset}" ORDER BY n').fetchall()
    return [dict(zip(contract.names, values, strict=True)) for values in found]
