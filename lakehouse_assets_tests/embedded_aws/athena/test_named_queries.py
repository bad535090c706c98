import json
from typing import Any
from uuid import uuid4

import boto3
import pytest
from mypy_boto3_glue import GlueClient

from lakehouse_assets_tests.embedded_aws.steps import wait_for


@pytest.fixture
def stack(glue: GlueClient) -> str:
    """The name of a stack that does not exist yet. A workgroup of that name exists."""
    name = f"stack-{uuid4().hex}"
    boto3.client("athena").create_work_group(Name=name)
    return name


def deploy(stack: str, sql: str) -> None:
    """Creates or updates the stack, which has one saved query. Waits for the end."""
    cloudformation = boto3.client("cloudformation")
    query = {
        "Type": "AWS::Athena::NamedQuery",
        "Properties": {"Name": "top", "Database": "d", "QueryString": sql, "WorkGroup": stack},
    }
    template = json.dumps({"Resources": {"Query": query}, "Outputs": {"Id": {"Value": {"Ref": "Query"}}}})
    there = any(known["StackName"] == stack for known in cloudformation.describe_stacks()["Stacks"])
    (cloudformation.update_stack if there else cloudformation.create_stack)(StackName=stack, TemplateBody=template)
    wait_for(lambda: ended(stack))


def ended(stack: str) -> dict[str, Any] | None:
    [found] = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return None if found["StackStatus"].endswith("IN_PROGRESS") else dict(found)


def queries(workgroup: str) -> list[str]:
    client = boto3.client("athena")
    found = client.list_named_queries(WorkGroup=workgroup)["NamedQueryIds"]
    return [client.get_named_query(NamedQueryId=query)["NamedQuery"]["QueryString"] for query in found]


def test_a_stack_makes_a_saved_query_changes_it_and_takes_it_away(stack: str) -> None:
    deploy(stack, "SELECT 1")
    assert queries(stack) == ["SELECT 1"]
    deploy(stack, "SELECT 2")
    assert queries(stack) == ["SELECT 2"]
    boto3.client("cloudformation").delete_stack(StackName=stack)
    wait_for(lambda: not queries(stack) or None)
