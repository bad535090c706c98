"""The set-up of a new embedded AWS, and that a repetition changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.process import EmbeddedAws, embedded_aws
from lakehouse_assets.errors import BadConfiguration, TemporaryOutage
from lakehouse_assets.local.bootstrap import bootstrap, storage_stack
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.embedded_aws.steps import is_alive, wait_for
from lakehouse_assets_tests.support import ClientWith, keys


@pytest.fixture
def settings(lakehouse_home: Path) -> Settings:
    return own_settings(lakehouse_home, engine="glue", glue_job="{job}-" + uuid4().hex[:12])


class Unchanging(Aws):
    """An AWS in which nothing may be created."""

    def client(self, service: str) -> Any:
        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("it is there already")

        making = (
            "create_bucket",
            "put_bucket_versioning",
            "put_object",
            "create_database",
            "create_work_group",
            "create_job",
            "update_job",
        )
        return ClientWith(super().client(service), **dict.fromkeys(making, refuse))


def job_of(lakehouse: Lakehouse, dataset: str = "orders") -> dict[str, Any]:
    name = lakehouse.settings.job_name(lakehouse.contracts[dataset])
    return dict(lakehouse.aws.client("glue").get_job(JobName=name)["Job"])


def test_each_dataset_has_a_glue_job_whose_code_is_in_the_bucket(lakehouse: Lakehouse) -> None:
    for dataset in lakehouse.contracts:
        job = job_of(lakehouse, dataset)
        assert job["DefaultArguments"]["--dataset"] == dataset
        arguments = job["DefaultArguments"]
        files = [
            job["Command"]["ScriptLocation"],
            arguments["--additional-python-modules"].partition(",")[0],
            arguments["--extra-jars"],
        ]
        assert {f"s3://{lakehouse.settings.bucket}/{key}" for key in keys(lakehouse, "control/code/")} == set(files)


def test_what_is_there_is_left_as_it_is(lakehouse: Lakehouse) -> None:
    bootstrap(lakehouse.settings, Unchanging(lakehouse.aws.environment))


def test_a_changed_setting_reaches_the_jobs(lakehouse: Lakehouse) -> None:
    bootstrap(lakehouse.settings.model_copy(update={"reject_limit": 0.25}), lakehouse.aws)

    assert job_of(lakehouse)["DefaultArguments"]["--reject-limit"] == "0.25"


def test_the_embedded_engine_needs_no_jobs(lakehouse_home: Path, lakehouse_aws: EmbeddedAws) -> None:
    house = Lakehouse(
        own_settings(lakehouse_home, glue_job="{job}-" + uuid4().hex[:12]), Aws(lakehouse_aws.environment())
    )

    bootstrap(house.settings, house.aws)

    assert keys(house, "control/") == []
    with pytest.raises(house.aws.client("glue").exceptions.EntityNotFoundException):
        job_of(house)


def test_another_bucket_in_a_used_home_is_refused_with_what_to_do_and_makes_nothing(lakehouse: Lakehouse) -> None:
    other = lakehouse.settings.model_copy(
        update={"bucket": f"other-{uuid4().hex[:8]}", "queue": f"q-{uuid4().hex[:8]}"}
    )
    with pytest.raises(BadConfiguration, match="cannot have the same database, workgroup, topic") as refused:
        bootstrap(other, lakehouse.aws)
    assert f"Set LAKEHOUSE_BUCKET={lakehouse.settings.bucket}, or set LAKEHOUSE_HOME to another folder" in str(
        refused.value
    )
    assert "LAKEHOUSE_DATABASE, LAKEHOUSE_WORKGROUP, LAKEHOUSE_TOPIC." in str(refused.value)
    buckets = {bucket["Name"] for bucket in lakehouse.aws.client("s3").list_buckets()["Buckets"]}
    assert lakehouse.settings.bucket in buckets
    assert other.bucket not in buckets


def test_what_a_stack_made_is_known_even_if_the_embedded_aws_is_killed_at_once(tmp_path: Path) -> None:
    settings = own_settings(tmp_path)
    with embedded_aws(tmp_path) as running:
        bootstrap(settings, Aws(running.environment()))
        put_and_kill(settings, running)

    with embedded_aws(tmp_path) as running:
        assert_whole(settings, Aws(running.environment()))


def never_written(state: Path) -> None:
    shutil.rmtree(state)


def cut_short(state: Path) -> None:
    (state / "s3.json").unlink()


def being_made(state: Path) -> None:
    rewrite(state / "cloudformation.json", "CREATE_COMPLETE", "CREATE_IN_PROGRESS")


def being_updated(state: Path) -> None:
    rewrite(state / "cloudformation.json", "CREATE_COMPLETE", "UPDATE_IN_PROGRESS")


@pytest.mark.parametrize("leave", [never_written, cut_short, being_made, being_updated])
def test_a_home_that_was_killed_before_all_was_written_is_made_whole_over_its_objects(
    leave: Callable[[Path], None], tmp_path: Path
) -> None:
    settings = own_settings(tmp_path)
    with embedded_aws(tmp_path) as running:
        bootstrap(settings, Aws(running.environment()))
        put_and_kill(settings, running)
    leave(tmp_path / "aws" / "state")

    for _ in range(2):
        with embedded_aws(tmp_path) as running:
            bootstrap(settings, Aws(running.environment()))
            assert_whole(settings, Aws(running.environment()))


def test_a_damaged_state_is_no_empty_state_and_says_what_to_do(tmp_path: Path) -> None:
    settings = own_settings(tmp_path)
    with embedded_aws(tmp_path) as running:
        bootstrap(settings, Aws(running.environment()))
        put_and_kill(settings, running)
    state = tmp_path / "aws" / "state"
    (state / "s3.json").write_text("")

    with (
        pytest.raises(TemporaryOutage, match=rf"{state}/s3\.json is damaged .* move that folder away"),
        embedded_aws(tmp_path),
    ):
        pass

    assert (state / "s3.json").read_text() == ""
    state.rename(tmp_path / "damaged")
    with embedded_aws(tmp_path) as running:
        bootstrap(settings, Aws(running.environment()))
        assert_whole(settings, Aws(running.environment()))


def put_and_kill(settings: Settings, running: EmbeddedAws) -> None:
    """Puts an object twice and kills the server, like a power cut."""
    s3 = Aws(running.environment()).client("s3")
    for body in (b"first", b"second"):
        s3.put_object(Bucket=settings.bucket, Key="raw/orders/a.csv", Body=body)
    pid = int(json.loads((settings.home / "aws" / "server.json").read_text())["pid"])
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: None if is_alive(pid) else True)


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(f'"StackStatus": "{old}"', f'"StackStatus": "{new}"'))


def assert_whole(settings: Settings, aws: Aws) -> None:
    """The stack and its resources exist, and so do the object and its old version."""
    s3, stack = (
        aws.client("s3"),
        aws.client("cloudformation").describe_stacks(StackName=storage_stack(settings))["Stacks"][0],
    )
    assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
    assert s3.get_bucket_versioning(Bucket=settings.bucket)["Status"] == "Enabled"
    assert aws.client("sqs").get_queue_url(QueueName=settings.queue)["QueueUrl"]
    assert aws.client("glue").get_database(Name=settings.database)["Database"]["Name"] == settings.database
    assert aws.client("athena").get_work_group(WorkGroup=settings.workgroup)["WorkGroup"]["Name"] == settings.workgroup
    found = s3.list_object_versions(Bucket=settings.bucket, Prefix="raw/")["Versions"]
    bodies = [
        s3.get_object(Bucket=settings.bucket, Key=each["Key"], VersionId=each["VersionId"])["Body"].read()
        for each in found
    ]
    assert bodies == [b"second", b"first"]
    assert s3.get_object(Bucket=settings.bucket, Key="raw/orders/a.csv")["Body"].read() == b"second"


@pytest.mark.spark
def test_a_run_of_such_a_job_is_the_entry_point_from_the_wheel(lakehouse: Lakehouse) -> None:
    glue, name = lakehouse.aws.client("glue"), job_of(lakehouse)["Name"]
    run_id = glue.start_job_run(JobName=name)["JobRunId"]

    run = wait_for(
        lambda: run if "CompletedOn" in (run := glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]) else None
    )

    assert run["JobRunState"] == "FAILED"
    assert (
        "BadConfiguration: The job's arguments cannot be used: the following arguments are required: --manifest."
        in run["ErrorMessage"]
    )
