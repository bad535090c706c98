"""ConvertUploads: what waits under uploads/ becomes CSV under raw/."""

from __future__ import annotations

from typing import Any

from aws_deploy.handlers.step import Event, step


def handler(event: Event, _context: object) -> dict[str, Any]:
    with step(event) as house:
        return {"uploads": len(house.convert())}
