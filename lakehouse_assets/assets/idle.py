"""Runs and steps that have nothing to do. They succeed without a materialization, and say why.

A step whose output is missing makes Dagster skip the steps behind it.
"""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from lakehouse_assets.assets.evaluations import evaluate_planned_checks
from lakehouse_assets.assets.keys import BATCH
from lakehouse_assets.assets.steps import alone
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.jobs import LOAD_BATCH, STATUS_TAG
from lakehouse_assets.landing.waiting import HeldBack

IDLE = (NOTHING_TO_DO, WAITS_FOR_GATE) = ("nothing_to_do", "waits_for_gate")
"""Values of STATUS_TAG of a run that did nothing."""
NO_FILES = "Nothing to load: no files are waiting."
WITHOUT_THE_GATE = (
    f"run the job {LOAD_BATCH} with the run config `ops: {{landing__batch: {{config: {{gate: any}}}}}}`, or `lakehouse"
    " load`"
)
ALONE = (
    f"The job {LOAD_BATCH} (or `Materialize all`) loads pending files; materialized alone, this asset only resumes an"
    " open batch."
)
"""A sentence for the descriptions of the assets that work on a batch."""


def say_nothing_done(
    context: dg.AssetExecutionContext, lakehouse: Lakehouse, reason: str, status: str = NOTHING_TO_DO
) -> None:
    """Logs the reason, tags the run, and evaluates the checks that Dagster planned for it."""
    context.log.warning(reason)
    context.instance.add_run_tags(context.run.run_id, {STATUS_TAG: status})
    evaluate_planned_checks(context, lakehouse, last_batch_id(context.instance))


def held_back_in_words(held: HeldBack, lakehouse: Lakehouse) -> str:
    """What waits for the gate, since when, what is missing, and how to load the files without it."""
    datasets = ", ".join(dataset for dataset in lakehouse.contracts if dataset not in held.missing)
    one = held.files == 1
    return (
        f"{held.files} {'file' if one else 'files'}{f' ({datasets})' if datasets else ''} {'is' if one else 'are'}"
        f" waiting for the gate, the oldest since {held.oldest.modified.isoformat(timespec='seconds')}:"
        f" s3://{lakehouse.settings.bucket}/{held.oldest.key}. LAKEHOUSE_GATE=all also asks for a file of:"
        f" {', '.join(held.missing) or 'nothing more'}. To load the waiting files without it: {WITHOUT_THE_GATE}."
    )


def waits_for_gate(lakehouse: Lakehouse, gate: str | None = None) -> HeldBack | None:
    """The files that the gate holds back now; None if there are none. `gate`: replaces the setting."""
    return lakehouse.pending.held_back(timedelta(0), gate)


def is_over(context: dg.AssetExecutionContext, lakehouse: Lakehouse, batch_id: str) -> bool:
    """Whether the batch has ended, so that this step has nothing to do; says so. Takes the lease.

    Then the step was materialized alone or executed again, or Dagster retries a run whose batch another run has
    finished. `batch_id` is empty if no batch was ever frozen.
    """
    with alone(lakehouse):
        if not batch_id:
            reason = "No batch has been loaded yet"
        else:
            batch = lakehouse.batch(batch_id)
            if batch.is_under_way():
                return False
            report = batch.report()
            reason = f"Batch {batch.id} has ended ({report['status'] if report else 'it never began'})"
    say_nothing_done(context, lakehouse, f"{reason}. Nothing was done. {ALONE}")
    return True


def last_batch_id(instance: dg.DagsterInstance) -> str:
    """The id of the batch that was frozen last; empty if there is none."""
    event = instance.get_latest_materialization_event(BATCH)
    materialization = event.asset_materialization if event else None
    found = materialization.metadata.get("batch_id") if materialization else None
    return str(found.value) if found else ""
