"""The questions that Athena answers after each load, as an analyst would ask them: over the tables as they are now. Derived from the contract."""

from __future__ import annotations

from dataclasses import dataclass

from lakehouse_assets.catalog.athena import Athena
from lakehouse_assets.contracts import Contract
from lakehouse_assets.etl.engines.base import Counts

NOT_EMPTY, KEY_UNIQUE, NO_ORPHANS, BATCH_COUNTS = "not_empty", "key_unique", "no_orphans", "batch_counts"
CHECKS = {
    NOT_EMPTY: "The table has rows.",
    KEY_UNIQUE: "No key stands in the table twice.",
    NO_ORPHANS: "Each row's parents are in their tables.",
    BATCH_COUNTS: "The rows that this batch inserted and updated are in the table.",
}


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
        f'(SELECT count(*) FROM {table} child LEFT JOIN "{parent.dataset}" parent ON parent."{parent.key}" = child."{parent.column}" '
        f'WHERE parent."{parent.key}" IS NULL AND child."{parent.column}" IS NOT NULL)'
        for parent in contract.parents
    ]
    return (
        f"SELECT count(*) AS row_count, count(DISTINCT {key}) AS keys, count(*) FILTER (WHERE batch_id = '{batch_id}') AS of_batch, "
        f"{' + '.join(orphans) or '0'} AS orphans FROM {table}"
    )


def run_checks(athena: Athena, contract: Contract, batch_id: str, counts: Counts) -> list[CheckResult]:
    """Asks Athena and compares. `counts`: what the load says this batch did.

    An empty table fails the batch if the batch wrote rows into it. Where it wrote none (items that came before their orders all wait) it is a warning.
    """
    [(rows, keys, of_batch, orphans)] = athena.query(checks_sql(contract, batch_id)).rows
    written = counts.inserted + counts.updated
    results = [
        CheckResult(NOT_EMPTY, rows > 0, f"{rows} rows", {"rows": rows}, severe=written > 0),
        CheckResult(KEY_UNIQUE, rows == keys, f"{rows} rows, {keys} distinct values of {contract.key}", {"rows": rows, "keys": keys}),
        CheckResult(
            BATCH_COUNTS,
            of_batch == written,
            f"{of_batch} rows of batch {batch_id} in the table, {written} written",
            {"in_table": of_batch, "written": written},
        ),
    ]
    if contract.parents:
        results.append(CheckResult(NO_ORPHANS, orphans == 0, f"{orphans} rows without a parent", {"orphans": orphans}))
    return results
