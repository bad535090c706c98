import json
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError
from mypy_boto3_glue import GlueClient

from lakehouse_assets_tests.embedded_aws.step_functions.test_redrive import ended, start

BYTES = 262_144


def padded(size: int) -> str:
    return f"{{% $pad('', {size}, 'x') %}}"


def passing(size: int, **fields: Any) -> dict[str, Any]:
    return {"Type": "Pass", "Output": padded(size), "Next": "Done", **fields}


def get_database(**fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:glue:getDatabase", "Next": "Done", **fields}


DONE = {"Done": {"Type": "Succeed"}, "Caught": {"Type": "Succeed"}}


def test_a_states_output_has_at_most_262144_bytes_as_json(glue: GlueClient) -> None:
    assert ended(start({"Fits": passing(BYTES - 2), **DONE}))["status"] == "SUCCEEDED"
    failed = ended(start({"Longer": passing(BYTES - 1), **DONE}))
    assert (failed["status"], failed["error"]) == ("FAILED", "States.DataLimitExceeded")
    assert (
        ended(start({"Letters": {**passing(1), "Output": f"{{% $pad('', {BYTES // 2}, 'ü') %}}"}, **DONE}))["status"]
        == "FAILED"
    )


@pytest.mark.parametrize("fields", [{"Arguments": {"Name": padded(BYTES)}}, {"Output": padded(BYTES)}])
@pytest.mark.parametrize(
    ("caught", "status"),
    [("States.ALL", "FAILED"), ("States.TaskFailed", "FAILED"), ("States.DataLimitExceeded", "SUCCEEDED")],
)
def test_too_much_data_of_a_task_is_caught_by_its_name_only(
    database: str, fields: dict[str, Any], caught: str, status: str
) -> None:
    execution = ended(
        start(
            {
                "Look": get_database(
                    **{"Arguments": {"Name": database}} | fields, Catch=[{"ErrorEquals": [caught], "Next": "Caught"}]
                ),
                **DONE,
            }
        )
    )
    assert (execution["status"], execution.get("error")) == (
        status,
        "States.DataLimitExceeded" if status == "FAILED" else None,
    ), execution


def test_what_a_task_calls_gives_at_most_that_too_whatever_becomes_of_it(glue: GlueClient) -> None:
    name = f"large_{uuid4().hex}"
    glue.create_database(
        DatabaseInput={"Name": name, "Parameters": {f"p{number}": "x" * 50_000 for number in range(6)}}
    )
    execution = ended(start({"Look": get_database(Arguments={"Name": name}, Output={}), **DONE}))
    assert (execution["status"], execution["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_an_execution_with_more_input_is_refused(glue: GlueClient) -> None:
    client = boto3.client("stepfunctions")
    definition = json.dumps({"StartAt": "Done", "States": DONE})
    machine = client.create_state_machine(
        name=f"m{uuid4().hex}", definition=definition, roleArn="arn:aws:iam::000000000000:role/m"
    )["stateMachineArn"]
    client.start_execution(stateMachineArn=machine, input=json.dumps("x" * (BYTES - 2)))
    with pytest.raises(ClientError, match="ValidationException"):
        client.start_execution(stateMachineArn=machine, input=json.dumps("x" * (BYTES - 1)))
