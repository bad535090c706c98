"""Runs a contract's plan on empty tables, so that SQL which DuckDB rejects is reported before a batch is frozen that
could not be loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from lakehouse_assets.contracts import Contract, Kind
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.etl.plan import (
    beaten_sql,
    decide_sql,
    filled_sql,
    fingerprint,
    for_duckdb,
    judge_sql,
    missing_relation,
    missing_sql,
    parent_keys,
    repeated_sql,
    silence,
)
from lakehouse_assets.etl.plan.resolve import corrected_sql, open_records_sql, outdone_sql
from lakehouse_assets.landing.routing import MALFORMED

DUCKDB_TYPES = {Kind.TIMESTAMP: "TIMESTAMPTZ", Kind.STRING: "VARCHAR", Kind.INT: "INTEGER"}


def try_plans(contracts: Iterable[Contract], noted: Path | None = None) -> None:
    """Raises BadConfiguration with the fault of each contract whose plan does not run.

    `noted`: a folder in which each plan that runs leaves a mark, so that it is tried only once (100 ms per contract).
    Nothing is tried if DuckDB is not installed, as in a Lambda.
    """
    try:
        import duckdb
    except ModuleNotFoundError:
        return
    faults = []
    for contract in contracts:
        mark = noted / f"{fingerprint(contract)}-{duckdb.__version__}" if noted else None
        if mark and mark.exists():
            continue
        with duckdb.connect(config={"threads": 1}) as connection:
            try:
                for statement in _statements(contract):
                    connection.execute(statement)
            except duckdb.Error as error:
                faults.append(
                    f"{contract.document}: the plan of {contract.dataset} does not run: {str(error).splitlines()[0]}"
                )
                continue
        if mark:
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
    if faults:
        raise BadConfiguration("The contracts cannot be used:\n" + "\n".join(f"  - {fault}" for fault in faults))


def _statements(contract: Contract) -> Iterator[str]:
    """Yields the statements as the embedded engine runs them, on relations with the same columns. Any optional column
    may be absent.
    """
    silent = contract.kept_names
    texts = ", ".join(f'"{name}" VARCHAR' for name in (*contract.names, MALFORMED))
    typed = ", ".join(f'"{column.name}" {DUCKDB_TYPES.get(column.kind, column.kind)}' for column in contract.columns)
    place = "source_file VARCHAR, source_modified_at TIMESTAMPTZ"
    flags = "".join(f', FALSE AS "{silence(name)}"' for name in silent)
    yield f"CREATE TABLE raw (file_no INTEGER, record_id VARCHAR, source_modified_at TIMESTAMPTZ, {texts})"
    yield f"CREATE TABLE judged_rows AS {for_duckdb(judge_sql(contract, 'file_no'))}"
    yield f"CREATE TABLE files (file_no INTEGER, row_id BIGINT, place BIGINT, {place})"
    yield (
        f"CREATE TABLE judged AS SELECT j.*, f.row_id, f.place, f.source_file, f.source_modified_at{flags} FROM"
        " judged_rows j JOIN files f USING (file_no)"
    )
    yield f"CREATE TABLE current ({typed}, {place})"
    for parent in contract.parents:
        keys = ", ".join(
            f'"{column}" AS {key}' for column, key in zip(parent.columns, parent_keys(parent), strict=True)
        )
        yield f"CREATE OR REPLACE TABLE existing AS SELECT {keys} FROM judged"
        yield f"CREATE TABLE {missing_relation(parent)} AS {for_duckdb(missing_sql(parent, 'existing'))}"
    yield f"CREATE TABLE repeated AS {for_duckdb(repeated_sql(contract))}"
    yield f"CREATE TABLE beaten AS {for_duckdb(beaten_sql(contract, silent))}"
    if silent:
        yield f"CREATE TABLE filled AS {for_duckdb(filled_sql(contract, silent))}"
    yield for_duckdb(decide_sql(contract, *silent, silent=silent))
    yield "CREATE VIEW accepted AS FROM judged"
    yield "CREATE VIEW refused AS FROM judged"
    yield f"CREATE TABLE open_records AS {for_duckdb(open_records_sql(contract, 'record_id', 'source_modified_at'))}"
    yield for_duckdb(corrected_sql(contract))
    yield for_duckdb(outdone_sql(contract))
