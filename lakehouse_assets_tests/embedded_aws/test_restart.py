"""The state survives the server; jobs and queries end with it."""

import json
import os
import signal
from pathlib import Path

import boto3
import pytest
from mypy_boto3_athena import AthenaClient
from mypy_boto3_glue import GlueClient
from mypy_boto3_s3 import S3Client
from mypy_boto3_sqs import SQSClient

from lakehouse_assets.aws.environment import NOBODYS
from lakehouse_assets.embedded_aws.process import embedded_aws, running
from lakehouse_assets_tests.embedded_aws.clients import point_at
from lakehouse_assets_tests.embedded_aws.steps import ENDLESS, is_alive, wait_for
from lakehouse_assets_tests.embedded_aws.test_process import s3_client, server_pid


def test_what_it_knows_is_written_even_if_it_is_killed(tmp_path: Path) -> None:
    with embedded_aws(tmp_path) as first:
        s3_client(first).create_bucket(Bucket="kept")
        s3_client(first).put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
        state = tmp_path / "aws" / "state" / "s3.json"
        wait_for(lambda: (state.exists() and "Enabled" in state.read_text()) or None)
        os.kill(server_pid(tmp_path), signal.SIGKILL)
        wait_for(lambda: running(tmp_path) is None or None)

    with embedded_aws(tmp_path) as second:
        assert s3_client(second).get_bucket_versioning(Bucket="kept")["Status"] == "Enabled"


def test_everything_is_there_after_stop_and_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ["raw/orders/a b+c%.csv", "raw/ü\n.csv", "raw//double", "raw/orders"]
    with embedded_aws(tmp_path) as aws:
        point_at(aws, monkeypatch)
        s3: S3Client = boto3.client("s3")
        s3.create_bucket(Bucket="lakehouse")
        s3.put_bucket_versioning(Bucket="lakehouse", VersioningConfiguration={"Status": "Enabled"})
        first = {
            key: s3.put_object(Bucket="lakehouse", Key=key, Body=b"first", Metadata={"batch": "b1"})["VersionId"]
            for key in keys
        }
        for key in keys:
            s3.put_object(Bucket="lakehouse", Key=key, Body=b"second")
        s3.delete_object(Bucket="lakehouse", Key=keys[0])
        listed = list_versions(s3)
        glue: GlueClient = boto3.client("glue")
        glue.create_database(DatabaseInput={"Name": "dwh"})
        glue.create_table(DatabaseName="dwh", TableInput={"Name": "orders", "Parameters": {"table_type": "delta"}})
        athena: AthenaClient = boto3.client("athena")
        athena.create_work_group(
            Name="lakehouse", Configuration={"ResultConfiguration": {"OutputLocation": "s3://lakehouse/athena/"}}
        )
        sqs: SQSClient = boto3.client("sqs")
        sqs.create_queue(QueueName="wake-up")
        sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="wake-up")["QueueUrl"], MessageBody="a file came")

    with embedded_aws(tmp_path) as aws:
        point_at(aws, monkeypatch)
        s3 = boto3.client("s3")
        assert list_versions(s3) == listed
        for key in keys:
            old = s3.get_object(Bucket="lakehouse", Key=key, VersionId=first[key])
            assert (old["Body"].read(), old["Metadata"]) == (b"first", {"batch": "b1"})
        for key in keys[1:]:
            assert s3.get_object(Bucket="lakehouse", Key=key)["Body"].read() == b"second"
        with pytest.raises(s3.exceptions.NoSuchKey):
            s3.get_object(Bucket="lakehouse", Key=keys[0])
        assert boto3.client("glue").get_table(DatabaseName="dwh", Name="orders")["Table"]["Parameters"] == {
            "table_type": "delta"
        }
        configuration = boto3.client("athena").get_work_group(WorkGroup="lakehouse")["WorkGroup"]["Configuration"]
        assert configuration["ResultConfiguration"]["OutputLocation"] == "s3://lakehouse/athena/"
        sqs = boto3.client("sqs")
        (message,) = sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName="wake-up")["QueueUrl"])["Messages"]
        assert message["Body"] == "a file came"


def test_a_job_that_still_runs_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / "started"
    with embedded_aws(tmp_path / "home") as aws:
        point_at(aws, monkeypatch)
        run_job(
            "import os, pathlib, sys, time; pathlib.Path(sys.argv[-1]).write_text(str(os.getpid())); time.sleep(600)",
            started,
        )
        pid = int(wait_for(lambda: written(started)))

    assert not is_alive(pid)
    with embedded_aws(tmp_path / "home") as aws:
        point_at(aws, monkeypatch)
        (run,) = boto3.client("glue").get_job_runs(JobName="job")["JobRuns"]
        assert run["JobRunState"] == "STOPPED"


def test_a_query_that_still_runs_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with embedded_aws(tmp_path) as aws:
        point_at(aws, monkeypatch)
        pid = server_pid(tmp_path)
        athena: AthenaClient = boto3.client("athena")
        query = athena.start_query_execution(
            QueryString=ENDLESS, ResultConfiguration={"OutputLocation": "s3://nowhere/"}
        )
        wait_for(lambda: state_of(athena, query["QueryExecutionId"]) == "RUNNING" or None)

    assert not is_alive(pid)


def test_a_real_account_is_out_of_its_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.com")
    with embedded_aws(tmp_path / "home") as aws:
        monkeypatch.undo()
        point_at(aws, monkeypatch)
        run_job(
            "import json, os, pathlib, sys; pathlib.Path(sys.argv[-1]).write_text(json.dumps(dict(os.environ)))",
            tmp_path / "environment",
        )
        seen = json.loads(wait_for(lambda: written(tmp_path / "environment")))

    assert {name: value for name, value in seen.items() if name.startswith("AWS_")} == aws.environment() | NOBODYS


def run_job(script: str, target: Path) -> None:
    """Starts a Glue job named `job` whose last argument is this file."""
    s3: S3Client = boto3.client("s3")
    s3.create_bucket(Bucket="jobs")
    s3.put_object(Bucket="jobs", Key="job.py", Body=script.encode())
    glue: GlueClient = boto3.client("glue")
    glue.create_job(Name="job", Role="job", Command={"Name": "glueetl", "ScriptLocation": "s3://jobs/job.py"})
    glue.start_job_run(JobName="job", Arguments={"--target": str(target)})


def state_of(athena: AthenaClient, query_id: str) -> str:
    return athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]["State"]


def written(file: Path) -> str | None:
    """The content of a file; None while it is missing or empty."""
    return (file.exists() and file.read_text()) or None


def list_versions(s3: S3Client) -> list[tuple[str, str, bool]]:
    page = s3.list_object_versions(Bucket="lakehouse")
    found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    return [(one["Key"], one["VersionId"], one["IsLatest"]) for one in found]
