"""Glue jobs with small scripts in place of the entry point, and AWS clients that fail now and then."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.glue.runs import GlueRuns, Run
from lakehouse_assets_tests.embedded_aws.steps import wait_for
from lakehouse_assets_tests.support import ClientWith, put

SLEEP = "import time; time.sleep(600)"


def make_job(lakehouse: Lakehouse, script: str, dataset: str = "products", **settings: Any) -> GlueRuns:
    """The Glue job of a dataset, with this script."""
    name = lakehouse.settings.job_name(lakehouse.contracts[dataset])
    put(lakehouse, f"scripts/{name}.py", textwrap.dedent(script))
    command = {"Name": "glueetl", "ScriptLocation": f"s3://{lakehouse.settings.bucket}/scripts/{name}.py"}
    glue = lakehouse.aws.client("glue")
    try:
        glue.create_job(Name=name, Role="role", Command=command, **settings)
    except glue.exceptions.AlreadyExistsException:
        glue.update_job(JobName=name, JobUpdate={"Command": command, **settings})
    return GlueRuns(glue, name)


def runs_of(runs: GlueRuns) -> list[Run]:
    """All runs of the job, the latest first."""
    return list(runs.client.get_job_runs(JobName=runs.job)["JobRuns"])


def started(runs: GlueRuns) -> str:
    """The id of the job's one run, once there is one."""
    return wait_for(lambda: next((str(run["Id"]) for run in runs_of(runs) if run["JobRunState"] == "RUNNING"), None))


def said(runs: GlueRuns, run_id: str, text: str) -> None:
    """Waits until the run's script has said this."""
    log = Path(runs_of(runs)[0]["LogGroupName"], f"{run_id}.log")
    wait_for(lambda: (log.exists() and text in log.read_text()) or None)


def stopped(runs: GlueRuns) -> None:
    """Stops what is under way, and waits until it is over."""
    for run in runs_of(runs):
        if run["JobRunState"] in ("STARTING", "RUNNING"):
            runs.stop(run["Id"])
    wait_for(
        lambda: all(run["JobRunState"] not in ("STARTING", "RUNNING", "STOPPING") for run in runs_of(runs)) or None
    )


def throttled() -> ClientError:
    """What Glue answers when it is asked too often."""
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "GetJobRun")


def failing(call: Callable[..., Any], times: int, error: Callable[[], Exception] = throttled) -> Callable[..., Any]:
    """The same call, of which the first ones fail."""
    left = [times]

    def answered(*given: Any, **named: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise error()
        return call(*given, **named)

    return answered


@dataclass(frozen=True)
class AwsWith(Aws):
    """An AWS of whose Glue client some operations are replaced."""

    replaced: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        client = super().client(service)
        return ClientWith(client, **self.replaced) if service == "glue" else client
