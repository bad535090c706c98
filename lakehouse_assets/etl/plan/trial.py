"""Runs a contract's plan on empty tables, so that SQL which an engine rejects is found before a batch is frozen that
could not be loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from lakehouse_assets.contracts import Column, Contract, Kind
from lakehouse_assets.etl.plan import (
    beaten_sql,
    decide_sql,
    filled_sql,
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
UNKNOWN_CALL = re.compile(r"argument types '(\w+)\((.*?)\)'")
"""In DuckDB's message about a function that does not take such values."""


def duckdb_type(column: Column) -> str:
    return DUCKDB_TYPES.get(column.kind, column.type)


def faults_of_plan(
    contract: Contract, engine: str, create: Callable[[str, str], str | None], *, rules_only: bool
) -> list[str]:
    """Plans each rule and each calculated column by itself, then all that a load runs. Returns the faults in our words;
    none if the plan runs.

    `engine`: its name for a person. `create`: makes a relation of a query in Spark's SQL, on the relations before it;
    it returns the engine's message if the engine rejects the query.
    """
    create("typed_row", _empty({column.name: column.type for column in contract.columns}))
    tried = [
        *((f"quality rule {rule.name}", rule.predicate, "rule") for rule in contract.rules),
        *((f"column {c.name}: transformLogic", c.derived, "expression") for c in contract.columns if c.derived),
    ]
    faults = [
        _fault(contract, f"{subject}: {engine}", sql, what, message)
        for subject, sql, what in tried
        if (message := create("of_rule", f"SELECT {sql} AS value FROM typed_row"))
    ]
    if faults or rules_only:
        return faults
    for name, query in _relations(contract):
        if create(name, query):
            return [
                f"the plan of {contract.dataset} does not run in {engine} (at {name}), although each rule does: please"
                " report it with the document."
            ]
    return []


def _fault(contract: Contract, subject: str, sql: str, what: str, message: str) -> str:
    named = [column for column in contract.columns if re.search(rf"\b{column.name}\b", sql)]
    types = ", ".join(f"{column.name}: {column.type}" for column in named)
    call = UNKNOWN_CALL.search(message)
    why = f"there is no {call[1]} of {call[2].lower()}" if call else "a function or a comparison does not fit the types"
    return f"{subject} cannot run it: {why} ({types}). Change the {what}, or the column's type."


def _relations(contract: Contract) -> Iterator[tuple[str, str]]:
    """Yields the relations of a load by name, each as a query, with the same columns as in the engines. Any optional
    column may be absent.
    """
    silent = contract.kept_names
    place = {"source_file": "string", "source_modified_at": "timestamp"}
    texts = dict.fromkeys((*contract.file_names, MALFORMED), "string")
    flags = "".join(f", FALSE AS `{silence(name)}`" for name in silent)
    yield "raw", _empty({"file_no": "int", "record_id": "string", "source_modified_at": "timestamp"} | texts)
    yield "judged_rows", judge_sql(contract, "file_no")
    yield "files", _empty({"file_no": "int", "row_id": "bigint", "place": "bigint"} | place)
    yield (
        "judged",
        (
            f"SELECT j.*, f.row_id, f.place, f.source_file, f.source_modified_at{flags} FROM judged_rows j JOIN files f"
            " USING (file_no)"
        ),
    )
    yield "current", _empty({column.name: column.type for column in contract.columns} | place)
    for parent in contract.parents:
        keys = ", ".join(f"`{name}` AS {key}" for name, key in zip(parent.columns, parent_keys(parent), strict=True))
        yield "existing", f"SELECT {keys} FROM judged"
        yield missing_relation(parent), missing_sql(parent, "existing")
    yield "repeated", repeated_sql(contract)
    yield "beaten", beaten_sql(contract, silent)
    if silent:
        yield "filled", filled_sql(contract, silent)
    yield "decided", decide_sql(contract, *silent, silent=silent)
    yield "accepted", "SELECT * FROM judged"
    yield "refused", "SELECT * FROM judged"
    yield "open_records", open_records_sql(contract, "record_id", "source_modified_at")
    yield "corrected", corrected_sql(contract)
    yield "outdone", outdone_sql(contract)


def _empty(columns: Mapping[str, str]) -> str:
    """A relation with these columns (type by name) and no row."""
    values = ", ".join(f"CAST(NULL AS {kind}) AS `{name}`" for name, kind in columns.items())
    return f"SELECT {values} WHERE FALSE"
