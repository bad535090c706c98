"""LoadDataset: loads one dataset of the batch with the embedded engine. A dataset that is loaded already, or that has
no files in the batch, takes a moment.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aws_deploy.handlers.engines import unpack
from aws_deploy.handlers.step import Event, step


def handler(event: Event, _context: object) -> dict[str, Any]:
    # Not at import: Lambda's init phase is limited to ten seconds.
    unpack()
    with step(event) as lakehouse:
        return asdict(lakehouse.batch(event["batch_id"]).load(event["dataset"]).counts)
