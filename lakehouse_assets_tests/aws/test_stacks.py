"""CloudFormation stacks are brought up, brought up again, changed, and removed, on the embedded AWS; a failure names
the resource.
"""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from lakehouse_assets.aws import stacks
from lakehouse_assets.aws.client import Aws
from lakehouse_assets.aws.stacks import MOST_BYTES_IN_A_CALL, bring_down, bring_up, outputs_of
from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets.errors import BadConfiguration, TemporaryOutage
from lakehouse_assets_tests.support import ClientWith


@pytest.fixture
def aws(lakehouse_aws: EmbeddedAws) -> Aws:
    return Aws(lakehouse_aws.environment())


@pytest.fixture
def name() -> str:
    return f"stack-{uuid4().hex[:12]}"


def topic(**more: Any) -> str:
    """A template with a topic, whose name is a parameter."""
    resources = {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "Name"}}}, **more}
    return json.dumps(
        {
            "Parameters": {"Name": {"Type": "String"}},
            "Resources": resources,
            "Outputs": {"Arn": {"Value": {"Ref": "Topic"}}},
        }
    )


def topics(aws: Aws) -> set[str]:
    return {
        found["TopicArn"].rsplit(":", 1)[1]
        for page in aws.client("sns").get_paginator("list_topics").paginate()
        for found in page["Topics"]
    }


def test_a_stack_is_made_changed_and_removed(aws: Aws, name: str) -> None:
    cloudformation = aws.client("cloudformation")
    told: list[str] = []
    assert bring_up(cloudformation, name, topic(), {"Name": f"{name}-one"}, told.append)["Arn"].endswith(f":{name}-one")
    assert bring_up(cloudformation, name, topic(), {"Name": f"{name}-two"}, told.append)["Arn"].endswith(f":{name}-two")
    assert {f"{name}-one", f"{name}-two"} & topics(aws) == {f"{name}-two"}
    bring_down(cloudformation, name)
    assert f"{name}-two" not in topics(aws)
    assert outputs_of(cloudformation, name) is None


@pytest.mark.parametrize("change", ["another name", "left out"])
def test_an_update_that_would_lose_what_holds_data_is_refused_before_it_begins(
    aws: Aws, name: str, change: str
) -> None:
    cloudformation, sqs = aws.client("cloudformation"), aws.client("sqs")

    def queue(called: str) -> dict[str, Any]:
        return {"Events": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": called}}}

    bring_up(cloudformation, name, topic(**queue(f"{name}-events")), {"Name": name})
    url = sqs.get_queue_url(QueueName=f"{name}-events")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="a file landed")
    changed = topic(**queue(f"{name}-others")) if change == "another name" else topic()
    with pytest.raises(
        BadConfiguration, match=r"would remove or replace resources that hold data:\n  - Events \(AWS::SQS::Queue\)"
    ):
        bring_up(cloudformation, name, changed, {"Name": f"{name}-two"})
    assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)["Messages"][0]["Body"] == "a file landed"
    assert cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    assert f"{name}-two" not in topics(aws)
    bring_down(cloudformation, name)


def test_what_is_there_already_is_left_alone(aws: Aws, name: str) -> None:
    cloudformation = aws.client("cloudformation")
    outputs = bring_up(cloudformation, name, topic(), {"Name": name})
    before = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    assert bring_up(cloudformation, name, topic(), {"Name": name}) == outputs
    after = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    assert (after["StackStatus"], after.get("LastUpdatedTime")) == ("CREATE_COMPLETE", before.get("LastUpdatedTime"))


def bad(name: str) -> dict[str, Any]:
    """A resource that the topic comes before, and that cannot be made: its queue's name is taken by no queue that it
    could send its dead letters to.
    """
    redrive = {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:000000000000:{name}-is-not-there", "maxReceiveCount": 0}
    return {
        "Bad": {
            "Type": "AWS::SQS::Queue",
            "DependsOn": "Topic",
            "Properties": {"QueueName": name, "RedrivePolicy": redrive},
        }
    }


def test_a_failure_names_the_resource_and_the_reason_and_leaves_nothing_behind(aws: Aws, name: str) -> None:
    cloudformation = aws.client("cloudformation")
    with pytest.raises(
        BadConfiguration, match=r"(?s)is as it was before.*- Bad \(AWS::SQS::Queue\): .*maxReceiveCount"
    ):
        bring_up(cloudformation, name, topic(**bad(name)), {"Name": name})
    assert name not in topics(aws)


def test_a_failure_is_named_that_lies_behind_more_events_than_one_page_has(aws: Aws, name: str) -> None:
    """CloudFormation gives a hundred at a time, the latest first: the rollback's before the failure's."""
    many = {
        f"Topic{number}": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": f"{name}-{number}"}}
        for number in range(110)
    }
    failing = bad(name)["Bad"] | {"DependsOn": [*many, "Topic"]}
    with pytest.raises(BadConfiguration, match=r"- Bad \(AWS::SQS::Queue\): .*maxReceiveCount"):
        bring_up(aws.client("cloudformation"), name, topic(**many, Bad=failing), {"Name": name})


def test_a_stack_that_never_worked_is_made_anew(aws: Aws, name: str) -> None:
    """CloudFormation leaves it there as ROLLBACK_COMPLETE, and takes no update of it."""
    cloudformation = aws.client("cloudformation")
    with pytest.raises(BadConfiguration):
        bring_up(cloudformation, name, topic(**bad(name)), {"Name": name})
    assert bring_up(cloudformation, name, topic(), {"Name": name})["Arn"].endswith(f":{name}")


def test_a_failed_update_leaves_the_stack_as_it_was(aws: Aws, name: str) -> None:
    cloudformation = aws.client("cloudformation")
    outputs = bring_up(cloudformation, name, topic(), {"Name": name})
    with pytest.raises(BadConfiguration, match="Bad"):
        bring_up(cloudformation, name, topic(**bad(name)), {"Name": name})
    assert outputs_of(cloudformation, name) == outputs
    assert bring_up(cloudformation, name, topic(), {"Name": f"{name}-two"})["Arn"].endswith(f":{name}-two")


def test_a_template_that_is_too_long_for_a_call_is_read_from_s3(aws: Aws, name: str) -> None:
    s3, placed = aws.client("s3"), []
    s3.create_bucket(Bucket=name)

    def put(template: str) -> str:
        placed.append(template)
        s3.put_object(Bucket=name, Key="template.json", Body=template.encode())
        return f"https://s3.us-east-1.amazonaws.com/{name}/template.json"

    long = topic(
        Long={
            "Type": "AWS::SNS::Topic",
            "Properties": {"TopicName": f"{name}-long", "DisplayName": "x" * MOST_BYTES_IN_A_CALL},
        }
    )
    bring_up(aws.client("cloudformation"), name, long, {"Name": name}, put=put)
    assert placed == [long]
    assert f"{name}-long" in topics(aws)
    bring_up(aws.client("cloudformation"), f"{name}-short", topic(), {"Name": f"{name}-short"}, put=put)
    assert placed == [long]


def test_removing_what_is_not_there_is_no_fault(aws: Aws, name: str) -> None:
    bring_down(aws.client("cloudformation"), name)


def test_a_stack_that_stays_under_way_is_not_waited_for_without_end(
    aws: Aws, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "time", SimpleNamespace(sleep=lambda _: None))
    under_way = {"Stacks": [{"StackName": name, "StackStatus": "UPDATE_IN_PROGRESS"}]}
    cloudformation = ClientWith(aws.client("cloudformation"), describe_stacks=lambda **_: under_way)
    with pytest.raises(TemporaryOutage, match=f"Stack {name} has been UPDATE_IN_PROGRESS for 60 minutes"):
        bring_up(cloudformation, name, topic(), {"Name": name})
