"""TakeLease: the execution works on the lakehouse alone. While another does this raises LakehouseBusy, and the state
machine waits.
"""

from __future__ import annotations

from typing import Any

from aws_deploy.handlers.step import Event, step


def handler(event: Event, _context: object) -> dict[str, Any]:
    with step(event):
        return {}
