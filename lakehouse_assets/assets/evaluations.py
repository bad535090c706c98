"""The results of the tables' checks as Dagster's check evaluations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from lakehouse_assets.assets.keys import athena_key
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.checks import CheckResult
from lakehouse_assets.errors import LakehouseError

PLANNED, EVALUATED = (
    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
)


def evaluations(found: Mapping[str, list[CheckResult]]) -> Iterator[dict[str, Any]]:
    """The arguments of an evaluation for each result. `found`: results by dataset."""
    for dataset, results in found.items():
        for result in results:
            yield {
                "asset_key": athena_key(dataset),
                "check_name": result.check,
                "passed": result.passed,
                "severity": dg.AssetCheckSeverity.ERROR if result.severe else dg.AssetCheckSeverity.WARN,
                "description": result.message,
                "metadata": result.numbers,
            }


def evaluate_planned_checks(context: dg.AssetExecutionContext, lakehouse: Lakehouse, batch_id: str) -> None:
    """Evaluates the checks of a run whose steps are skipped, on the tables as the last batch left them.

    Dagster plans a run's checks when it creates the run. Its UI shows a check that was planned and not evaluated as
    skipped, instead of its last result. `batch_id`: the last batch; without one there are no tables to check.
    """
    planned = _checks_of(context, PLANNED) - _checks_of(context, EVALUATED)
    if not planned or not batch_id:
        return
    try:
        found = lakehouse.batch(batch_id).check_again()
    except LakehouseError as error:
        context.log.warning(f"The checks of the tables were not evaluated: {error}")
        return
    for arguments in evaluations(found):
        evaluation = dg.AssetCheckEvaluation(**arguments)
        if evaluation.asset_check_key in planned:
            context.log_event(evaluation)


def _checks_of(context: dg.AssetExecutionContext, kind: dg.DagsterEventType) -> set[dg.AssetCheckKey]:
    return {
        entry.get_dagster_event().event_specific_data.asset_check_key
        for entry in context.instance.all_logs(context.run.run_id, of_type=kind)
    }
