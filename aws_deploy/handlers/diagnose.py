"""DiagnoseGlueRun: finds out why a Glue run failed. Returns if another run may succeed; raises the failure if none
will, or if there were enough runs.
"""

from __future__ import annotations

from typing import Any

from aws_deploy.handlers.step import Event
from lakehouse_assets.aws.topic import cut
from lakehouse_assets.errors import TemporaryOutage
from lakehouse_assets.glue.runs import failure_of_task


def handler(event: Event, _context: object) -> dict[str, Any]:
    failure = failure_of_task(event["run"]["error"], event["run"]["cause"])
    if not isinstance(failure, TemporaryOutage) or event["tries"] >= event["most"]:
        raise failure
    return {"may_heal": cut(str(failure))}
