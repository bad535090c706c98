import json
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError
from mypy_boto3_glue import GlueClient

from lakehouse_assets_tests.embedded_aws.steps import wait_for


def ended(execution: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found = boto3.client("stepfunctions").describe_execution(executionArn=execution)
        return None if found["status"] == "RUNNING" else dict(found)

    return wait_for(look)


def start(states: dict[str, Any]) -> str:
    client = boto3.client("stepfunctions")
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states})
    machine = client.create_state_machine(
        name=f"machine-{uuid4().hex}", definition=definition, roleArn="arn:aws:iam::000000000000:role/machine"
    )
    return str(client.start_execution(stateMachineArn=machine["stateMachineArn"], input="{}")["executionArn"])


def test_a_redrive_goes_on_with_the_task_that_failed_its_input_and_the_variables(glue: GlueClient) -> None:
    """The database is created between the two attempts. A variable and the state's input name it."""
    name = f"later_{uuid4().hex}"
    output = (
        "{% {'found': $states.result.Database.Name, 'who': $who, 'redrives': $states.context.Execution.RedriveCount} %}"
    )
    execution = start(
        {
            "First": {"Type": "Pass", "Assign": {"who": "me"}, "Output": {"name": name}, "Next": "Look"},
            "Look": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:glue:getDatabase",
                "Arguments": {"Name": "{% $states.input.name %}"},
                "Output": output,
                "Next": "Last",
            },
            "Last": {"Type": "Pass", "End": True},
        }
    )
    failed = ended(execution)
    assert (failed["status"], failed["error"]) == ("FAILED", "Glue.EntityNotFoundException")
    glue.create_database(DatabaseInput={"Name": name})
    boto3.client("stepfunctions").redrive_execution(executionArn=execution)
    redriven = ended(execution)
    assert (redriven["status"], redriven["redriveCount"]) == ("SUCCEEDED", 1)
    assert json.loads(redriven["output"]) == {"found": name, "who": "me", "redrives": 1}


def test_a_redrive_goes_by_the_definition_that_the_execution_was_started_with(glue: GlueClient) -> None:
    client, name = boto3.client("stepfunctions"), f"later_{uuid4().hex}"
    states = {
        "Look": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:glue:getDatabase",
            "Arguments": {"Name": name},
            "Output": {},
            "Next": "Last",
        },
        "Last": {"Type": "Pass", "Output": "of then", "End": True},
    }
    execution = start(states)
    machine = ended(execution)["stateMachineArn"]
    changed = {
        "QueryLanguage": "JSONata",
        "StartAt": "Other",
        "States": {"Other": {"Type": "Pass", "Output": "of now", "End": True}},
    }
    client.update_state_machine(stateMachineArn=machine, definition=json.dumps(changed))
    client.redrive_execution(executionArn=execution)
    assert ended(execution)["status"] == "FAILED", "the database is not there yet"
    glue.create_database(DatabaseInput={"Name": name})
    client.redrive_execution(executionArn=execution)
    assert json.loads(ended(execution)["output"]) == "of then"


def test_a_redrive_that_fails_again_may_be_redriven_again(glue: GlueClient) -> None:
    execution = start(
        {
            "Look": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:glue:getDatabase",
                "Arguments": {"Name": "nowhere"},
                "End": True,
            }
        }
    )
    for redrives in (1, 2):
        ended(execution)
        boto3.client("stepfunctions").redrive_execution(executionArn=execution)
        assert ended(execution)["redriveCount"] == redrives


def test_what_succeeded_is_not_redriven(glue: GlueClient) -> None:
    execution = start({"Only": {"Type": "Pass", "End": True}})
    ended(execution)
    with pytest.raises(ClientError, match="ExecutionNotRedrivable"):
        boto3.client("stepfunctions").redrive_execution(executionArn=execution)
