"""Per table: not empty, key unique, no orphans, the contract's columns, this batch's counts are there. They block: the batch is not reported as done while a
severe one fails. A share of rejected rows that is unusual is a warning: what is in the tables is right."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from lakehouse_assets.assets.keys import BATCH, athena_key
from lakehouse_assets.assets.steps import for_batch, step
from lakehouse_assets.catalog.checks import CHECKS, NO_ORPHANS
from lakehouse_assets.contracts import Contracts
from lakehouse_assets.jobs import POOL
from lakehouse_assets.resources.lakehouse import LakehouseResource


def athena_checks(contracts: Contracts) -> dg.AssetChecksDefinition:
    specs = [
        dg.AssetCheckSpec(check, asset=athena_key(dataset), description=description, blocking=True, additional_deps=[BATCH])
        for dataset, contract in contracts.items()
        for check, description in CHECKS.items()
        if check != NO_ORPHANS or contract.parents
    ]

    @dg.multi_asset_check(name="athena_checks", specs=specs, ins=for_batch(), pool=POOL)
    def check_tables(lakehouse: LakehouseResource, batch_id: str) -> Iterator[dg.AssetCheckResult]:
        house = lakehouse.lakehouse
        with step(house, batch_id) as manifest:
            found = house.check(batch_id, house.judgements(manifest))
            failed = [
                f"{dataset}: {result.check}: {result.message}"
                for dataset, results in found.items()
                for result in results
                if result.severe and not result.passed
            ]
            if failed:
                house.record_failure(manifest, "Checks failed: " + "; ".join(failed))
        for dataset, results in found.items():
            for result in results:
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
