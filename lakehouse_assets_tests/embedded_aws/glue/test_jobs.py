import json
import os
import signal
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError
from mypy_boto3_glue import GlueClient
from mypy_boto3_glue.type_defs import JobCommandTypeDef, JobRunTypeDef
from mypy_boto3_s3 import S3Client

from lakehouse_assets.embedded_aws.process import embedded_aws, running
from lakehouse_assets_tests.embedded_aws.clients import point_at
from lakehouse_assets_tests.embedded_aws.steps import SECONDS_TO_WAIT, wait_for

WRITE_WHAT_IT_GOT = b"""
import json, os, pathlib, sys
import boto3, lakehouse_assets
buckets = boto3.client("s3").list_buckets()["Buckets"]
pathlib.Path(sys.argv[sys.argv.index("--target") + 1]).write_text(json.dumps([sys.argv[1:], os.getpid(), len(buckets)]))
"""
SLEEP = b"import time; time.sleep(600)"
UNTIL_THE_SERVER_ENDS = b"import os, time\nserver = os.getppid()\nwhile os.getppid() == server: time.sleep(0.1)"


class Job:
    """A Glue job with a script."""

    def __init__(self, bucket: str, script: bytes | None, **settings: Any) -> None:
        self.glue = boto3.client("glue")
        self.name = f"job-{uuid4().hex}"
        if script is not None:
            boto3.client("s3").put_object(Bucket=bucket, Key=f"scripts/{self.name}.py", Body=script)
        command: JobCommandTypeDef = {"Name": "glueetl", "ScriptLocation": f"s3://{bucket}/scripts/{self.name}.py"}
        self.glue.create_job(Name=self.name, Role="arn:aws:iam::000000000000:role/job", Command=command, **settings)

    def start(self, **arguments: str) -> str:
        return self.glue.start_job_run(
            JobName=self.name, Arguments={f"--{name}": value for name, value in arguments.items()}
        )["JobRunId"]

    def runs(self) -> list[JobRunTypeDef]:
        return self.glue.get_job_runs(JobName=self.name)["JobRuns"]

    def state(self, run_id: str) -> str:
        return self.glue.get_job_run(JobName=self.name, RunId=run_id)["JobRun"]["JobRunState"]

    def ended(self, run_id: str, seconds: float = SECONDS_TO_WAIT) -> JobRunTypeDef:
        def look() -> JobRunTypeDef | None:
            run = self.glue.get_job_run(JobName=self.name, RunId=run_id)["JobRun"]
            return None if run["JobRunState"] in ("STARTING", "RUNNING", "STOPPING") else run

        return wait_for(look, seconds)


def test_a_run_is_a_process_with_the_script_and_the_arguments(bucket: str, tmp_path: Path) -> None:
    job = Job(bucket, WRITE_WHAT_IT_GOT, DefaultArguments={"--kept": "default", "--replaced": "default"})
    target = tmp_path / "target.json"

    run_id = job.start(replaced="by the run", target=str(target))
    run = job.ended(run_id)

    assert run["JobRunState"] == "SUCCEEDED", run
    assert "CompletedOn" in run
    arguments, pid, buckets = json.loads(target.read_text())
    named = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert named == {
        "--JOB_NAME": job.name,
        "--JOB_RUN_ID": run_id,
        "--kept": "default",
        "--replaced": "by the run",
        "--target": str(target),
    }
    assert pid > 0
    assert buckets > 0


def test_a_run_that_fails_says_why_and_keeps_its_log(bucket: str) -> None:
    job = Job(bucket, b"print('reading orders'); raise ValueError('no orders today')")

    run = job.ended(job.start())

    assert run["JobRunState"] == "FAILED"
    assert (
        "Error Category: UNCLASSIFIED_ERROR; Failed Line Number: 1; ValueError: no orders today" in run["ErrorMessage"]
    )
    log = Path(run["LogGroupName"], f"{run['Id']}.log")
    assert str(log) in run["ErrorMessage"]
    assert "reading orders" in log.read_text()


def test_a_run_that_fails_is_tried_again_as_often_as_the_job_says(bucket: str) -> None:
    job = Job(bucket, b"raise ValueError('no orders today')", MaxRetries=2)

    first = job.start()

    attempts = wait_for(
        lambda: ended if len(ended := [run for run in job.runs() if "CompletedOn" in run]) == 3 else None
    )
    assert [(run["Id"], run["Attempt"], run.get("PreviousRunId"), run["JobRunState"]) for run in attempts[::-1]] == [
        (first, 0, None, "FAILED"),
        (f"{first}_attempt_1", 1, first, "FAILED"),
        (f"{first}_attempt_2", 2, f"{first}_attempt_1", "FAILED"),
    ]


def test_a_run_that_someone_stopped_is_not_tried_again(bucket: str) -> None:
    job = Job(bucket, SLEEP, MaxRetries=2)
    run_id = job.start()

    job.glue.batch_stop_job_run(JobName=job.name, JobRunIds=[run_id])

    assert job.ended(run_id)["JobRunState"] == "STOPPED"
    assert [run["Id"] for run in job.runs()] == [run_id]


def test_a_run_whose_server_was_killed_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run was saved as RUNNING, and its process is gone: it would block its job, and its waiting clients, for
    ever.
    """
    with embedded_aws(tmp_path) as first:
        point_at(first, monkeypatch)
        boto3.client("s3").create_bucket(Bucket="scripts")
        job = Job("scripts", UNTIL_THE_SERVER_ENDS)
        run_id = job.start()
        saved = tmp_path / "aws" / "state" / "glue.json"
        wait_for(lambda: (saved.exists() and '"RUNNING"' in saved.read_text()) or None)
        os.kill(json.loads((tmp_path / "aws" / "server.json").read_text())["pid"], signal.SIGKILL)
        wait_for(lambda: running(tmp_path) is None or None)

    with embedded_aws(tmp_path) as second:
        point_at(second, monkeypatch)
        job.glue = boto3.client("glue")
        run = job.ended(run_id)
        assert (run["JobRunState"], run["ErrorMessage"]) == (
            "FAILED",
            "The embedded AWS was killed while the run was under way",
        )
        assert job.start() != run_id


def test_a_job_without_a_script_fails(bucket: str) -> None:
    job = Job(bucket, None)

    run = job.ended(job.start())

    assert (run["JobRunState"], run["ErrorMessage"]) == (
        "FAILED",
        f"There is no script at s3://{bucket}/scripts/{job.name}.py",
    )


@pytest.mark.parametrize(("settings", "most_runs"), [({}, 1), ({"ExecutionProperty": {"MaxConcurrentRuns": 2}}, 2)])
def test_no_more_runs_at_once_than_the_job_allows(bucket: str, settings: dict[str, Any], most_runs: int) -> None:
    job = Job(bucket, SLEEP, **settings)
    run_ids = [job.start() for _ in range(most_runs)]

    with pytest.raises(ClientError) as refused:
        job.start()
    assert refused.value.response["Error"]["Code"] == "ConcurrentRunsExceededException"

    job.glue.batch_stop_job_run(JobName=job.name, JobRunIds=run_ids)
    for run_id in run_ids:
        job.ended(run_id)
    assert job.glue.get_job(JobName=job.name)["Job"].get("ExecutionProperty", {}) == settings.get(
        "ExecutionProperty", {}
    )
    job.glue.batch_stop_job_run(JobName=job.name, JobRunIds=[job.start()])


def test_a_run_can_be_stopped(bucket: str) -> None:
    job = Job(bucket, SLEEP)
    run_id = job.start()
    wait_for(lambda: job.state(run_id) == "RUNNING" or None)

    answer = job.glue.batch_stop_job_run(JobName=job.name, JobRunIds=[run_id, "jr_nobody"])

    assert answer["SuccessfulSubmissions"] == [{"JobName": job.name, "JobRunId": run_id}]
    assert [error["JobRunId"] for error in answer["Errors"]] == ["jr_nobody"]
    assert job.ended(run_id)["JobRunState"] == "STOPPED"


def test_runs_are_listed_latest_first(bucket: str) -> None:
    job = Job(bucket, b"")
    run_ids = []
    for _ in range(3):
        run_ids.append(job.start())
        job.ended(run_ids[-1])

    assert [run["Id"] for run in job.runs()] == run_ids[::-1]


def test_a_job_that_is_not_there_cannot_run(glue: GlueClient, s3: S3Client) -> None:
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.start_job_run(JobName="nobody")
