"""The questions that Athena answers after each load, as an analyst would ask them: over the tables as they are now.
Derived from the contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lakehouse_assets.catalog.athena import Athena
from lakehouse_assets.catalog.glue import Catalog
from lakehouse_assets.contracts import Contract
from lakehouse_assets.etl.engines.base import LoadResult

NOT_EMPTY, KEY_UNIQUE, NO_ORPHANS, SCHEMA = "not_empty", "key_unique", "no_orphans", "schema"
BATCH_COUNTS, REJECT_RATE = "batch_counts", "reject_rate"
CHECKS = {
    NOT_EMPTY: "The table has rows.",
    KEY_UNIQUE: "No key stands in the table twice.",
    NO_ORPHANS: "Each row's parents are in their tables.",
    SCHEMA: "The catalog's columns are the contract's.",
    REJECT_RATE: "Of this batch's rows no more are rejected than is usual.",
    BATCH_COUNTS: "The rows that this batch inserted, updated or said again are in the table.",
}
REPAIR = (
    "The table is not what the batches wrote: find who else writes to it (its Delta log says so) and repair or restore"
    " it. Then run the job: it goes on with the batch."
)
WHAT_TO_DO = {
    KEY_UNIQUE: REPAIR,
    NO_ORPHANS: REPAIR,
    BATCH_COUNTS: REPAIR,
    SCHEMA: (
        "Run the job again: it brings the catalog's table {dataset} up to its contract. If it fails again, someone else"
        " changes the catalog meanwhile."
    ),
    NOT_EMPTY: (
        "None of its rows could be loaded: rows that wait for their parents are loaded by themselves when these come."
        " Each is in `lakehouse rejects --dataset {dataset}` with its reasons."
    ),
    REJECT_RATE: (
        "Look at `lakehouse rejects --dataset {dataset}`: each row has its reasons, file and place. Ask whoever sent"
        " the file; corrected rows may come in a later one. LAKEHOUSE_REJECT_WARNING says what is usual."
    ),
}
"""When a check of a dataset fails."""


@dataclass(frozen=True)
class CheckResult:
    """One check's answer. `severe`: a failure of it fails the batch; else it is a warning."""

    check: str
    passed: bool
    message: str
    numbers: dict[str, int]
    severe: bool = True


def checks_sql(contract: Contract, batch_id: str) -> str:
    """One statement with one row: all numbers that the checks of one table need."""
    table, key = f'"{contract.dataset}"', f'"{contract.key}"'
    orphans = [
        f'(SELECT count(*) FROM {table} child LEFT JOIN "{parent.dataset}" parent ON parent."{parent.key}" ='
        f' child."{parent.column}" WHERE parent."{parent.key}" IS NULL AND child."{parent.column}" IS NOT NULL)'
        for parent in contract.parents
    ]
    return (
        f"SELECT count(*) AS row_count, count(DISTINCT {key}) AS keys, count(*) FILTER (WHERE batch_id = '{batch_id}')"
        f" AS of_batch, {' + '.join(orphans) or '0'} AS orphans FROM {table}"
    )


def run_checks(
    athena: Athena,
    catalog: Catalog,
    contract: Contract,
    batch_id: str,
    load_result: LoadResult | None,
    reject_warning: float = 1.0,
) -> list[CheckResult]:
    """Asks Athena and the catalog, and compares. `load_result`: what the load says this batch did; without it the table
    alone is checked.

    What fails the batch is what analysts must not see: a table that is wrong. An empty table does if the batch wrote
    rows into it; where it wrote none (items that came before their orders all wait) it is a warning. So is a share of
    rejected rows above `reject_warning`: the rows that are there are right.
    """
    [(rows, keys, of_batch, orphans)] = athena.query(checks_sql(contract, batch_id)).rows
    present = catalog.columns(contract.dataset)
    results = [
        CheckResult(
            NOT_EMPTY, rows > 0, f"{rows} rows", {"rows": rows}, severe=load_result is None or load_result.written > 0
        ),
        CheckResult(
            SCHEMA,
            present == contract.table_columns,
            _difference(present, contract.table_columns),
            {"columns": len(present)},
        ),
        CheckResult(
            KEY_UNIQUE,
            rows == keys,
            f"{rows} rows, {keys} distinct values of {contract.key}",
            {"rows": rows, "keys": keys},
        ),
    ]
    if contract.parents:
        results.append(CheckResult(NO_ORPHANS, orphans == 0, f"{orphans} rows without a parent", {"orphans": orphans}))
    if load_result is not None:
        results += _checks_of_batch(batch_id, of_batch, load_result, reject_warning)
    return results


def _checks_of_batch(batch_id: str, of_batch: int, load_result: LoadResult, reject_warning: float) -> list[CheckResult]:
    counts, written = load_result.counts, load_result.written
    seen = counts.read + counts.retried
    return [
        CheckResult(
            BATCH_COUNTS,
            of_batch == written,
            f"{of_batch} rows of batch {batch_id} in the table, {written} written",
            {"in_table": of_batch, "written": written},
        ),
        CheckResult(
            REJECT_RATE,
            not seen
            or counts.rejected / seen
            <= reject_warning,  # a quotient is rounded as the setting's text was; 0.29 * 100 is less than 29
            f"{counts.rejected} of {seen} rows rejected, {reject_warning:.0%} are usual",
            {"rejected": counts.rejected, "seen": seen},
            severe=False,
        ),
    ]


def _difference(present: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    differing = [name for name in {**wanted, **present} if present.get(name) != wanted.get(name)]
    told = [
        f"{name} is {present.get(name, 'absent')}, by the contract {wanted.get(name, 'absent')}" for name in differing
    ]
    return "; ".join(told) or (
        "the contract's columns" if list(present) == list(wanted) else "the contract's columns in another order"
    )
