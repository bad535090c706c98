"""Runs of a Glue job are found, started, waited for and stopped; and what their ends mean."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.errors import BadConfiguration, BadData, LakehouseError, LeaseLost, TemporaryOutage
from lakehouse_assets.glue.runs import GlueRuns, failure_of
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.glue.jobs import SLEEP, failing, make_job, runs_of, said, started, stopped
from lakehouse_assets_tests.support import ClientWith

BATCH, OTHER = {"--manifest": "s3://bucket/1.json"}, {"--manifest": "s3://bucket/2.json"}
ENDS_SLOWLY = """
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1), os._exit(0)))
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def settings(lakehouse_home: Path) -> Settings:
    """Jobs of its own: all lakehouses of the session share the embedded Glue."""
    return own_settings(lakehouse_home, glue_job="{job}-" + uuid4().hex[:12])


def with_client(runs: GlueRuns, patience: float = 60, **replaced: Callable[..., Any]) -> GlueRuns:
    return GlueRuns(ClientWith(runs.client, **replaced), runs.job, patience)


def quiet(_: str) -> None:
    pass


def unreachable() -> Exception:
    return EndpointConnectionError(endpoint_url="glue")


def test_a_run_is_started_waited_for_and_told_of(lakehouse: Lakehouse) -> None:
    runs = make_job(lakehouse, "")
    told: list[str] = []

    run = runs.wait(runs.start(BATCH, BATCH, told.append), told.append)

    assert (run["JobRunState"], run["Arguments"]) == ("SUCCEEDED", BATCH)
    assert told[-1] == f"Run {run['Id']} of Glue job {runs.job}: SUCCEEDED"


def test_the_run_under_way_for_a_batch_is_taken_up(lakehouse: Lakehouse) -> None:
    runs = make_job(lakehouse, SLEEP, ExecutionProperty={"MaxConcurrentRuns": 3})
    first = runs.start(BATCH, BATCH, quiet)

    assert runs.start(BATCH, BATCH, quiet) == first
    assert runs.start(OTHER, OTHER, quiet) != first

    stopped(runs)
    assert runs.start(BATCH, BATCH, quiet) != first
    stopped(runs)


def test_a_run_that_leaves_an_argument_to_its_jobs_default_is_taken_up_too(lakehouse: Lakehouse) -> None:
    """Step Functions names the manifest only; what Glue then says of a run's arguments does not hold the job's own."""
    runs = make_job(lakehouse, SLEEP)
    first = runs.start(BATCH, BATCH, quiet)

    found = runs.under_way(BATCH | {"--dataset": "products"})

    assert found is not None
    assert found["Id"] == first
    stopped(runs)


def test_another_batchs_run_is_waited_for_and_told_of(lakehouse: Lakehouse) -> None:
    runs = make_job(lakehouse, SLEEP)
    other = runs.start(OTHER, OTHER, quiet)
    told: list[str] = []

    def stop_the_other(text: str) -> None:
        told.append(text)
        threading.Thread(target=runs.stop, args=(other,)).start()

    mine = runs.start(BATCH, BATCH, stop_the_other)

    assert mine != other
    assert f"Glue job {runs.job} has another run under way" in told[0]
    stopped(runs)


def test_a_job_that_stays_busy_is_a_temporary_outage(lakehouse: Lakehouse) -> None:
    runs = make_job(lakehouse, SLEEP)
    runs.start(OTHER, OTHER, quiet)

    with pytest.raises(
        TemporaryOutage, match=f"Glue job {runs.job} has another run under way .* Run it again when that one has ended"
    ):
        with_client(runs, patience=0.5).start(BATCH, BATCH, quiet)
    stopped(runs)


def test_a_run_that_is_being_stopped_is_waited_for_and_not_taken_up(lakehouse: Lakehouse) -> None:
    """Even where the job allows two at once: both would write the same tables."""
    runs = make_job(lakehouse, ENDS_SLOWLY, ExecutionProperty={"MaxConcurrentRuns": 3})
    first = runs.start(BATCH, BATCH, quiet)
    said(runs, first, "ready")
    runs.stop(first)

    second = runs.start(BATCH, BATCH, quiet)

    assert second != first
    by_id = {run["Id"]: run for run in runs_of(runs)}
    assert by_id[first]["JobRunState"] == "STOPPED"
    assert by_id[second]["StartedOn"] >= by_id[first]["CompletedOn"]
    stopped(runs)


@pytest.mark.parametrize("error", [None, unreachable], ids=["throttled", "unreachable"])
def test_trouble_on_the_way_is_waited_out(lakehouse: Lakehouse, error: Callable[[], Exception] | None) -> None:
    runs = make_job(lakehouse, "")
    how = {"error": error} if error else {}
    troubled = with_client(
        runs,
        get_paginator=failing(runs.client.get_paginator, 1, **how),
        start_job_run=failing(runs.client.start_job_run, 1, **how),
        get_job_run=failing(runs.client.get_job_run, 2, **how),
    )

    assert troubled.wait(troubled.start(BATCH, BATCH, quiet), quiet)["JobRunState"] == "SUCCEEDED"
    assert len(runs_of(runs)) == 1


def test_a_long_outage_ends_the_wait_and_leaves_the_run(lakehouse: Lakehouse) -> None:
    runs = make_job(lakehouse, SLEEP)
    run_id = runs.start(BATCH, BATCH, quiet)

    with pytest.raises(TemporaryOutage, match=f"Asking for run {run_id}"):
        with_client(runs, patience=0.5, get_job_run=failing(runs.client.get_job_run, 100)).wait(run_id, quiet)

    assert started(runs) == run_id
    stopped(runs)


@pytest.mark.parametrize("state", ["EXPIRED", "ERROR", "TIMEOUT"])
def test_every_final_state_ends_the_wait(lakehouse: Lakehouse, state: str) -> None:
    """The embedded Glue has no queue in which a run could expire, and counts time-outs in minutes: the state is put
    into its answer.
    """
    runs = make_job(lakehouse, "")
    run_id = runs.start(BATCH, BATCH, quiet)

    def expired(**asked: Any) -> Any:
        return {"JobRun": runs.client.get_job_run(**asked)["JobRun"] | {"JobRunState": state}}

    assert with_client(runs, get_job_run=expired).wait(run_id, quiet)["JobRunState"] == state


def test_a_run_that_cannot_be_stopped_says_why(lakehouse: Lakehouse) -> None:
    runs = make_job(lakehouse, "")
    run_id = runs.start(BATCH, BATCH, quiet)
    runs.wait(run_id, quiet)

    with pytest.raises(
        LakehouseError, match=f"Run {run_id} of Glue job {runs.job} was not stopped: The run is already SUCCEEDED"
    ):
        runs.stop(run_id)


@pytest.mark.parametrize(
    ("state", "message", "kind", "told"),
    [
        (
            "FAILED",
            "Error Category: UNCLASSIFIED_ERROR; Failed Line Number: 9; BadData: orders: 1 of 2.\nLook.",
            BadData,
            "orders: 1 of 2.\nLook.",
        ),
        ("FAILED", "BadConfiguration: no manifest\n(the whole log: /logs/jr_1.log)", BadConfiguration, "no manifest"),
        ("FAILED", "TemporaryOutage: S3 did not answer", TemporaryOutage, "S3 did not answer"),
        (
            "FAILED",
            "LakehouseError: orders: Spark rejected a step of the load",
            LakehouseError,
            "orders: Spark rejected a step",
        ),
        ("FAILED", "LeaseLost: Batch 1 is not under way any more", LeaseLost, "Batch 1 is not under way"),
        ("FAILED", "LeaseLostError: Batch 1 is not under way any more", LeaseLost, "Batch 1 is not under way"),
        (
            "FAILED",
            "LAUNCH ERROR | BadConfiguration: Spark's jars are not installed",
            BadConfiguration,
            "Spark's jars are not installed",
        ),
        (
            "FAILED",
            "Error Category: IMPORT_ERROR; ModuleNotFoundError: No module named 'x'",
            BadConfiguration,
            "Deploy the job again",
        ),
        (
            "FAILED",
            "Command failed with exit code 1",
            TemporaryOutage,
            "ended in state FAILED: Command failed with exit code 1. Nothing is lost",
        ),
        (
            "FAILED",
            "o98.save: AccessDenied (Service: Amazon S3; Status Code: 403)",
            BadConfiguration,
            "AWS refused a request of the run",
        ),
        (
            "FAILED",
            "The specified bucket does not exist (Error Code: NoSuchBucket)",
            BadConfiguration,
            "AWS refused a request of the run",
        ),
        (
            "FAILED",
            "ThrottlingException: Rate exceeded (Service: AWSGlue; Status Code: 400)",
            TemporaryOutage,
            "Nothing is lost; run it again",
        ),
        (
            "FAILED",
            "java.io.IOException: No space left on device",
            BadConfiguration,
            "Give the job more or larger workers",
        ),
        ("FAILED", None, TemporaryOutage, "Glue gives no reason"),
        ("ERROR", "Internal service error", TemporaryOutage, "ended in state ERROR"),
        ("EXPIRED", "Waited too long", TemporaryOutage, "ended in state EXPIRED"),
        (
            "TIMEOUT",
            "too long",
            BadConfiguration,
            "ended in state TIMEOUT after 120 minutes. Give the job more time or more workers",
        ),
        ("STOPPED", None, LakehouseError, "someone stopped it"),
    ],
)
def test_what_an_end_means(state: str, message: str | None, kind: type[LakehouseError], told: str) -> None:
    failure = failure_of(
        {"Id": "jr_1", "JobName": "orders_etl", "JobRunState": state, "ErrorMessage": message, "Timeout": 120}
    )

    assert type(failure) is kind
    assert told in str(failure)


def test_glues_own_time_out_is_waited_out(lakehouse: Lakehouse) -> None:
    """It comes with status 400, like what is asked wrongly."""
    runs = make_job(lakehouse, "")
    response: Any = {"Error": {"Code": "OperationTimeoutException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    answers: list[Exception | None] = [ClientError(response, "GetJobRun"), None]

    def get_job_run(**asked: Any) -> Any:
        if (answer := answers.pop(0) if answers else None) is not None:
            raise answer
        return runs.client.get_job_run(**asked)

    run = with_client(runs, get_job_run=get_job_run).wait(runs.start(BATCH, BATCH, quiet), quiet)
    assert (run["JobRunState"], answers) == ("SUCCEEDED", [])


def test_a_job_that_is_not_there_has_no_runs(lakehouse: Lakehouse) -> None:
    assert GlueRuns(lakehouse.aws.client("glue"), f"nowhere-{uuid4().hex}").under_way({}) is None


def test_success_is_no_failure() -> None:
    assert failure_of({"Id": "jr_1", "JobName": "orders_etl", "JobRunState": "SUCCEEDED"}) is None
