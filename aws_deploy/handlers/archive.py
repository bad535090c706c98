"""ArchiveETLFiles: moves exactly the manifest's files out of raw/ and uploads/."""

from __future__ import annotations

from typing import Any

from aws_deploy.handlers.step import Event, step


def handler(event: Event, _context: object) -> dict[str, Any]:
    with step(event) as lakehouse:
        return {"files": len(lakehouse.batch(event["batch_id"]).archive())}
