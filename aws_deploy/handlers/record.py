"""RecordBatch: writes the report, closes the batch, releases the lease, and returns the message for the topic."""

from __future__ import annotations

from typing import Any

from aws_deploy.handlers.step import Event, step
from lakehouse_assets.aws.topic import cut
from lakehouse_assets.etl.report import report_in_words
from lakehouse_assets.etl.status import subject_of


def handler(event: Event, _context: object) -> dict[str, Any]:
    with step(event) as lakehouse:
        batch_id = event["batch_id"]
        report = lakehouse.batch(batch_id).finish() if batch_id else None
        lakehouse.lease.release()
        if report is None:
            return {}
        return {"subject": subject_of(report), "message": f"{cut(report_in_words(report))}\n{lakehouse.run_by['link']}"}
