"""TakeLease: takes the lease for the execution. Raises LakehouseBusy while another holder has it; the state machine
then retries.
"""

from __future__ import annotations

from typing import Any

from aws_deploy.handlers.step import Event, step


def handler(event: Event, _context: object) -> dict[str, Any]:
    with step(event):
        return {}
