"""Checks of each table: not empty, key unique, no orphans, the contract's columns, this batch's rows. They block: while
a severe check fails, the batch is not reported as done. A high share of rejected rows is only a warning, because the
rows in the tables are right.
"""

from collections.abc import Iterator

import dagster as dg

from lakehouse_assets.assets.keys import BATCH, athena_key
from lakehouse_assets.assets.steps import for_batch, named_failures, step
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.checks import CHECKS, NO_ORPHANS, CheckResult
from lakehouse_assets.contracts import Contracts
from lakehouse_assets.jobs import POOL


def athena_checks(contracts: Contracts) -> dg.AssetChecksDefinition:
    """The checks of all datasets, as one step."""
    specs = [
        dg.AssetCheckSpec(
            check, asset=athena_key(dataset), description=description, blocking=True, additional_deps=[BATCH]
        )
        for dataset, contract in contracts.items()
        for check, description in CHECKS.items()
        if check != NO_ORPHANS or contract.parents
    ]

    @dg.multi_asset_check(name="athena_checks", specs=specs, ins=for_batch(), pool=POOL, can_subset=True)
    def check_tables(
        context: dg.AssetCheckExecutionContext, lakehouse: dg.ResourceParam[Lakehouse], batch_id: str
    ) -> Iterator[dg.AssetCheckResult]:
        for dataset, results in _found(lakehouse, batch_id).items():
            for result in results:
                if dg.AssetCheckKey(athena_key(dataset), result.check) not in context.selected_asset_check_keys:
                    continue
                severity = dg.AssetCheckSeverity.ERROR if result.severe else dg.AssetCheckSeverity.WARN
                yield dg.AssetCheckResult(
                    passed=result.passed,
                    check_name=result.check,
                    asset_key=athena_key(dataset),
                    severity=severity,
                    description=result.message,
                    metadata=result.numbers,
                )

    return check_tables


def _found(lakehouse: Lakehouse, batch_id: str) -> dict[str, list[CheckResult]]:
    """All checks for an open batch, with a report if one fails. For a batch that has ended, only the tables are
    checked, without a report: later batches change its rows.
    """
    under_way = lakehouse.open_batch()
    if under_way is None or under_way.id != batch_id or not under_way.is_under_way():
        with named_failures():
            return lakehouse.check()
    with step(lakehouse, batch_id) as batch:
        found, failed = batch.check()
        if failed:
            batch.record_failure(f"Checks failed: {'; '.join(failed)}")
        return found
