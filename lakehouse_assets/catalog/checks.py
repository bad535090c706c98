"""The checks by Athena after each load, derived from the contract. They query the tables as an analyst would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lakehouse_assets.catalog.athena import Athena
from lakehouse_assets.catalog.glue import Catalog
from lakehouse_assets.contracts import Contract, Parent
from lakehouse_assets.etl.engines.base import LoadResult
from lakehouse_assets.quoting import sql_literal

NOT_EMPTY, KEY_UNIQUE, NO_ORPHANS, SCHEMA = "not_empty", "key_unique", "no_orphans", "schema"
BATCH_COUNTS, REJECT_RATE = "batch_counts", "reject_rate"
CHECKS = {
    NOT_EMPTY: "The table has rows.",
    KEY_UNIQUE: "Each key is in the table only once.",
    NO_ORPHANS: "All parents of each row are in their tables.",
    SCHEMA: "The catalog has the contract's columns.",
    REJECT_RATE: "The share of rejected rows in this batch is at most LAKEHOUSE_REJECT_WARNING.",
    BATCH_COUNTS: "The table has the rows that this batch inserted, updated or refreshed.",
}
ONLY_WARN = frozenset({REJECT_RATE})
"""The checks that never fail a batch."""
REPAIR = (
    "The table differs from what the batches wrote. Find the program that also writes to it (its Delta log lists the"
    " commits), and repair or restore the table. Then run the job: it resumes the batch."
)
WHAT_TO_DO = {
    KEY_UNIQUE: REPAIR,
    NO_ORPHANS: REPAIR,
    BATCH_COUNTS: REPAIR,
    SCHEMA: (
        "Run the job again: it updates the catalog's table {dataset} to its contract. If the check fails again, another"
        " program changes the catalog meanwhile."
    ),
    NOT_EMPTY: (
        "None of its rows could be loaded. Rows that wait for their parents are loaded once these arrive. `lakehouse"
        " rejects --dataset {dataset}` lists all rows with their reasons."
    ),
    REJECT_RATE: (
        "`lakehouse rejects --dataset {dataset}` lists the rows with their reasons, files and row numbers. Ask the"
        " sender of the file for corrected rows; they can come in a later file. LAKEHOUSE_REJECT_WARNING sets the share"
        " above which this check warns."
    ),
}
"""What to do if a check fails; `{dataset}` stands for the dataset."""


@dataclass(frozen=True)
class CheckResult:
    """The result of one check. `severe`: if it did not pass, the batch fails; otherwise it is a warning."""

    check: str
    passed: bool
    message: str
    numbers: dict[str, int]
    severe: bool = True


def checks_sql(contract: Contract, batch_id: str) -> str:
    """One statement whose result is one row: all numbers that the checks of one table need."""
    table, key = f'"{contract.dataset}"', ", ".join(f'"{name}"' for name in contract.keys)
    if len(contract.keys) > 1:
        key = f"({key})"
    orphans = [f"({_orphans_sql(table, parent)})" for parent in contract.parents]
    return (
        f"SELECT count(*) AS row_count, count(DISTINCT {key}) AS keys, count(*) FILTER (WHERE batch_id ="
        f" {sql_literal(batch_id)}) AS of_batch, {' + '.join(orphans) or '0'} AS orphans FROM {table}"
    )


def _orphans_sql(table: str, parent: Parent) -> str:
    same = " AND ".join(
        f'parent."{key}" = child."{column}"' for column, key in zip(parent.columns, parent.keys, strict=True)
    )
    present = " AND ".join(f'child."{column}" IS NOT NULL' for column in parent.columns)
    return (
        f'SELECT count(*) FROM {table} child LEFT JOIN "{parent.dataset}" parent ON {same} WHERE'
        f' parent."{parent.keys[0]}" IS NULL AND {present}'
    )


def run_checks(
    athena: Athena,
    catalog: Catalog,
    contract: Contract,
    batch_id: str,
    load_result: LoadResult | None,
    reject_warning: float = 1.0,
    *,
    ended: bool = False,
) -> list[CheckResult]:
    """Queries Athena and the catalog, and returns the results of all checks. `load_result`: of this batch; without it,
    only the table is checked, not the batch. `ended`: the batch has ended, so later batches may have changed its rows.

    A batch fails if the table is wrong, because analysts must not use it. An empty table fails the batch if the batch
    wrote rows to it. If it wrote none (all order items wait for their orders), it is a warning. A share of rejected
    rows above `reject_warning` is also a warning: the rows in the table are right.
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
            f"{rows} rows, {keys} distinct values of {contract.key_in_words}",
            {"rows": rows, "keys": keys},
        ),
    ]
    if contract.parents:
        results.append(CheckResult(NO_ORPHANS, orphans == 0, f"{orphans} rows without a parent", {"orphans": orphans}))
    if load_result is not None:
        results += _checks_of_batch(batch_id, of_batch, load_result, reject_warning, ended=ended)
    return results


def _checks_of_batch(
    batch_id: str, of_batch: int, load_result: LoadResult, reject_warning: float, *, ended: bool
) -> list[CheckResult]:
    counts, written = load_result.counts, load_result.written
    seen = counts.read + counts.retried
    share = counts.rejected / seen if seen else 0.0
    return [
        CheckResult(
            BATCH_COUNTS,
            of_batch == written or (ended and of_batch < written),
            f"{of_batch} rows of batch {batch_id} in the table, {written} written"
            + (". Later batches changed the others." if ended and of_batch < written else ""),
            {"in_table": of_batch, "written": written},
        ),
        CheckResult(
            REJECT_RATE,
            share <= reject_warning,  # quotients, because 0.29 * 100 is less than 29
            f"{counts.rejected} of {seen} rows rejected ({share:.1%}; warning above {reject_warning * 100:g}%)",
            {"rejected": counts.rejected, "seen": seen},
            severe=False,
        ),
    ]


def _difference(present: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    differing = [name for name in {**wanted, **present} if present.get(name) != wanted.get(name)]
    texts = [
        f"{name} is {present.get(name, 'absent')}, in the contract {wanted.get(name, 'absent')}" for name in differing
    ]
    return "; ".join(texts) or (
        "the contract's columns" if list(present) == list(wanted) else "the contract's columns in another order"
    )
