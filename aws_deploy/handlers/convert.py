"""ConvertUploads: converts the pending files of uploads/ to CSV in raw/."""

from __future__ import annotations

from typing import Any

from aws_deploy.handlers.step import Event, step

WORKBOOKS_AT_ONCE = 1
"""A second one would need more memory than a new AWS account gives a Lambda (3,008 MB)."""


def handler(event: Event, _context: object) -> dict[str, Any]:
    with step(event) as lakehouse:
        return {"uploads": len(lakehouse.convert(WORKBOOKS_AT_ONCE))}
