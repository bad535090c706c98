"""CheckMarker: freezes the pending files that are not in the ledger as a batch, or resumes the open batch, and chooses
what loads each of its datasets.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aws_deploy.handlers.step import Event, step
from lakehouse_assets.batches.batch import Batch


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Returns the batch for the later states: `batch_id`, the `manifest`'s location, and `load`, which is "glue" or
    "lambda" for each dataset. `batch_id` is None if there is nothing to load.
    """
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
    """By dataset. Starting a Glue run costs money, so a dataset that is loaded already, or that has no files in the
    batch, gets the Lambda.
    """
    done = batch.load_results()
    return {
        dataset: "glue"
        if dataset not in done and batch.has_work(dataset) and batch.engine_for(dataset) == "glue"
        else "lambda"
        for dataset in datasets
    }
