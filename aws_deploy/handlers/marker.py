"""CheckMarker: freezes what waits less what the ledger knows (the batch under way is taken up again), and says what
loads each dataset of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aws_deploy.handlers.step import Event, step
from lakehouse_assets.batches.batch import Batch


def handler(event: Event, _context: object) -> dict[str, Any]:
    """The batch for the state machine's later steps; its batch_id is null where there is nothing to do."""
    with step(event) as lakehouse:
        batch = lakehouse.freeze(keep_copies=False)
        if batch is None:
            return {"batch_id": None}
        return {
            "batch_id": batch.id,
            "manifest": f"s3://{lakehouse.settings.bucket}/{lakehouse.zone.manifest_key(batch.id)}",
            "load": _loads(batch, lakehouse.contracts),
        }


def _loads(batch: Batch, datasets: Iterable[str]) -> dict[str, str]:
    """A Glue run costs its start: none for a dataset that is loaded already, or of which the batch has nothing."""
    done = batch.load_results()
    return {
        dataset: "glue"
        if dataset not in done and batch.has_work(dataset) and batch.engine_for(dataset) == "glue"
        else "lambda"
        for dataset in datasets
    }
