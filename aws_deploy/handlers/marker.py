"""CheckMarker: freezes what waits less what the ledger knows (the batch under way is taken up again), and says what
loads each dataset of it.
"""

from __future__ import annotations

from typing import Any

from aws_deploy.handlers.step import Event, step
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.landing.model import Manifest


def handler(event: Event, _context: object) -> dict[str, Any]:
    """The batch for the state machine's later steps; its batch_id is null where there is nothing to do."""
    with step(event) as house:
        manifest = house.freeze(keep_copies=False)
        if manifest is None:
            return {"batch_id": None}
        return {
            "batch_id": manifest.batch_id,
            "manifest": f"s3://{house.settings.bucket}/{house.zone.manifest_key(manifest.batch_id)}",
            "load": _loads(house, manifest),
        }


def _loads(house: Lakehouse, manifest: Manifest) -> dict[str, str]:
    """A Glue run costs its start: none for a dataset that is loaded already, or of which the batch has nothing."""
    done = house.judgements(manifest)
    return {
        dataset: "glue"
        if dataset not in done and house.has_work(dataset, manifest) and house.engine_for(dataset, manifest) == "glue"
        else "lambda"
        for dataset in house.contracts
    }
