import json
from typing import Any
from uuid import uuid4

import boto3
import pytest

from lakehouse_assets_tests.embedded_aws.glue.test_jobs import Job
from lakehouse_assets_tests.embedded_aws.steps import Athena, register, wait_for, write_delta


def run(*states: dict[str, Any]) -> dict[str, Any]:
    """Runs these states in sequence and waits for the end. Returns the execution."""
    client = boto3.client("stepfunctions")
    chain = {
        f"State{number}": {
            "Type": "Task",
            **state,
            **({"End": True} if number == len(states) else {"Next": f"State{number + 1}"}),
        }
        for number, state in enumerate(states, 1)
    }
    machine = client.create_state_machine(
        name=f"machine-{uuid4().hex}",
        definition=json.dumps({"StartAt": "State1", "States": chain}),
        roleArn="arn:aws:iam::000000000000:role/machine",
    )
    execution = client.start_execution(stateMachineArn=machine["stateMachineArn"], input="{}")

    def ended() -> dict[str, Any] | None:
        found = client.describe_execution(executionArn=execution["executionArn"])
        return None if found["status"] == "RUNNING" else dict(found)

    return wait_for(ended)


def test_a_state_waits_for_a_glue_job(bucket: str) -> None:
    job = Job(bucket, b"import time; time.sleep(0.3)")

    execution = run(
        {
            "Resource": "arn:aws:states:::glue:startJobRun.sync",
            "Parameters": {"JobName": job.name, "Arguments": {"--a": "b"}},
        }
    )

    assert execution["status"] == "SUCCEEDED", execution
    output = json.loads(execution["output"])
    assert (output["JobName"], output["JobRunState"], output["Arguments"]) == (job.name, "SUCCEEDED", {"--a": "b"})
    assert job.state(output["Id"]) == "SUCCEEDED"


def test_a_state_without_sync_only_starts_the_job(bucket: str) -> None:
    job = Job(bucket, b"import time; time.sleep(600)")

    execution = run({"Resource": "arn:aws:states:::glue:startJobRun", "Parameters": {"JobName": job.name}})

    output = json.loads(execution["output"])
    assert output["JobName"] == job.name
    assert job.state(output["JobRunId"]) in ("STARTING", "RUNNING")
    job.glue.batch_stop_job_run(JobName=job.name, JobRunIds=[output["JobRunId"]])


def test_a_job_that_fails_fails_the_state_with_the_run_as_its_cause(bucket: str) -> None:
    job = Job(bucket, b"raise ValueError('no orders today')")

    execution = run({"Resource": "arn:aws:states:::glue:startJobRun.sync", "Parameters": {"JobName": job.name}})

    assert (execution["status"], execution["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(execution["cause"])
    assert cause["JobRunState"] == "FAILED"
    assert "ValueError: no orders today" in cause["ErrorMessage"]


def test_a_job_that_cannot_start_is_an_error_of_glue(bucket: str) -> None:
    execution = run({"Resource": "arn:aws:states:::glue:startJobRun.sync", "Parameters": {"JobName": "nobody"}})

    assert (execution["status"], execution["error"]) == ("FAILED", "Glue.EntityNotFoundException")


def test_a_state_waits_for_a_query_and_the_next_reads_its_result(athena: Athena, bucket: str, database: str) -> None:
    write_delta(f"s3://{bucket}/dwh/things", "SELECT range AS id FROM range(5)")
    write_delta(f"s3://{bucket}/dwh/things", "SELECT range AS id FROM range(3)", mode="overwrite")
    register(database, "things", f"s3://{bucket}/dwh/things")
    query = {
        "QueryString": "SELECT count(*) AS live FROM things",
        "QueryExecutionContext": {"Database": database},
        "ResultConfiguration": {"OutputLocation": athena.output_location},
    }

    execution = run(
        {"Resource": "arn:aws:states:::athena:startQueryExecution.sync", "Parameters": query, "ResultPath": "$.query"},
        {
            "Resource": "arn:aws:states:::athena:getQueryResults",
            "Parameters": {"QueryExecutionId.$": "$.query.QueryExecution.QueryExecutionId"},
        },
    )

    assert execution["status"] == "SUCCEEDED", execution
    rows = json.loads(execution["output"])["ResultSet"]["Rows"]
    assert [row["Data"][0]["VarCharValue"] for row in rows] == ["live", "3"]


def test_a_query_that_fails_fails_the_state_with_the_execution_as_its_cause(athena: Athena, database: str) -> None:
    query = {
        "QueryString": "SELECT * FROM nowhere",
        "QueryExecutionContext": {"Database": database},
        "ResultConfiguration": {"OutputLocation": athena.output_location},
    }

    execution = run({"Resource": "arn:aws:states:::athena:startQueryExecution.sync", "Parameters": query})

    assert (execution["status"], execution["error"]) == ("FAILED", "States.TaskFailed")
    assert "TABLE_NOT_FOUND" in json.loads(execution["cause"])["Status"]["StateChangeReason"]


@pytest.mark.usefixtures("bucket")
def test_a_history_has_the_states_of_parallel_branches() -> None:
    branches = [
        {"StartAt": name, "States": {name: {"Type": "Pass", "Next": f"{name}Ends"}, f"{name}Ends": {"Type": "Succeed"}}}
        for name in ("One", "Other")
    ]

    execution = run({"Type": "Parallel", "Branches": branches})

    history = boto3.client("stepfunctions").get_execution_history(
        executionArn=execution["executionArn"], includeExecutionData=False
    )["events"]
    entered = [
        (event["type"], event["stateEnteredEventDetails"]["name"])
        for event in history
        if "stateEnteredEventDetails" in event
    ]
    assert entered[0] == ("ParallelStateEntered", "State1")
    assert sorted(entered[1:]) == [
        ("PassStateEntered", "One"),
        ("PassStateEntered", "Other"),
        ("SucceedStateEntered", "OneEnds"),
        ("SucceedStateEntered", "OtherEnds"),
    ]
