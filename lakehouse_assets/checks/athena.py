"""Checks of each table: not empty, key unique, no orphans, the contract's columns, this batch's rows. They block: while
a severe check fails, the batch is not reported as done. A high share of rejected rows is only a warning, because the
rows in the tables are right. Each check can be run alone at any time, also after the batch has ended.
"""

from collections.abc import Iterator

import dagster as dg

from lakehouse_assets.assets.evaluations import evaluations
from lakehouse_assets.assets.keys import BATCH, athena_key
from lakehouse_assets.assets.steps import for_batch, named_failures, record_failure, step
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.checks import CHECKS, NO_ORPHANS, ONLY_WARN, CheckResult
from lakehouse_assets.contracts import Contracts
from lakehouse_assets.jobs import POOL


def athena_checks(contracts: Contracts) -> dg.AssetChecksDefinition:
    """The checks of all datasets, as one step."""
    specs = [
        dg.AssetCheckSpec(
            check,
            asset=athena_key(dataset),
            description=description,
            blocking=check not in ONLY_WARN,
            additional_deps=[BATCH],
        )
        for dataset, contract in contracts.items()
        for check, description in CHECKS.items()
        if check != NO_ORPHANS or contract.parents
    ]

    @dg.multi_asset_check(name="athena_checks", specs=specs, ins=for_batch(), pool=POOL, can_subset=True)
    def check_tables(
        context: dg.AssetCheckExecutionContext, lakehouse: dg.ResourceParam[Lakehouse], batch_id: str
    ) -> Iterator[dg.AssetCheckResult]:
        if not batch_id:
            context.log.warning("No batch has been loaded yet, so there are no tables to check.")
            return
        for arguments in evaluations(_found(lakehouse, batch_id)):
            key = dg.AssetCheckKey(arguments["asset_key"], arguments["check_name"])
            if key in context.selected_asset_check_keys:
                yield dg.AssetCheckResult(**arguments)

    return check_tables


def _found(lakehouse: Lakehouse, batch_id: str) -> dict[str, list[CheckResult]]:
    """All checks for an open batch, with a report if one fails. For a batch that has ended there is no report: later
    batches change its rows.
    """
    under_way = lakehouse.open_batch()
    if under_way is None or under_way.id != batch_id or not under_way.is_under_way():
        with named_failures():
            return lakehouse.batch(batch_id).check_again()
    with step(lakehouse, batch_id) as batch:
        found, failed = batch.check()
        if failed:
            record_failure(batch, f"Checks failed: {'; '.join(failed)}")
        return found
