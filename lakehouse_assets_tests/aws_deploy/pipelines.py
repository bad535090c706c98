"""A deployment on an embedded AWS of its own, and what its tests do again and again: let files land, wait, read what
the topic was told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aws_deploy.embedded import deploy, stored_templates
from aws_deploy.packaging import address, this_machine
from aws_deploy.presets import PRESETS, Preset
from lakehouse_assets.aws.client import Aws
from lakehouse_assets.aws.stacks import bring_up, parameters_of
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.process import embedded_aws
from lakehouse_assets.etl.report_types import LoadReport
from lakehouse_assets.etl.status import has_succeeded, subject_of
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.embedded_aws.steps import wait_for

SECONDS = 900.0
"""A guard against a hang, not a measure: three Spark runs on a busy machine take minutes."""


@dataclass
class Pipeline:
    """A deployed lakehouse. `told`: the queue that hears what the topic is told."""

    house: Lakehouse
    preset: Preset
    machine: str
    told: str
    held_back: bool = False

    @cached_property
    def states(self) -> Any:
        return self.house.aws.client("stepfunctions")

    def message(self) -> tuple[str, str]:
        """The next message of the topic: its subject and its text."""
        sqs = self.house.aws.client("sqs")

        def look() -> tuple[str, str] | None:
            found = sqs.receive_message(QueueUrl=self.told, WaitTimeSeconds=1).get("Messages", [])
            for message in found:
                sqs.delete_message(QueueUrl=self.told, ReceiptHandle=message["ReceiptHandle"])
                body = json.loads(message["Body"])
                return body["Subject"], body["Message"]
            return None

        return wait_for(look, SECONDS)

    def succeeded(self) -> LoadReport:
        """Waits until the topic hears that a batch succeeded. Its report."""
        subject, text = self.message()
        report = self.house.batch(text.split()[1].rstrip(":")).report()
        assert report is not None
        assert has_succeeded(report), text
        assert subject == subject_of(report)
        self.at_rest()
        return report

    def failed(self) -> str:
        """Waits until the topic hears of a failure. What it says."""
        subject, text = self.message()
        assert subject == "A batch failed", text
        self.at_rest()
        return text

    def executions(self) -> list[dict[str, Any]]:
        """All, the latest first."""
        found = self.states.list_executions(stateMachineArn=self.machine)["executions"]
        return [dict(self.states.describe_execution(executionArn=execution["executionArn"])) for execution in found]

    def at_rest(self) -> None:
        """Waits until no execution runs, and no message waits (but for those that are held back)."""
        sqs, names = (
            self.house.aws.client("sqs"),
            ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )

        def look() -> bool | None:
            waiting = sqs.get_queue_attributes(QueueUrl=self.house.queue.url, AttributeNames=names)["Attributes"]
            is_empty = self.held_back or set(waiting.values()) == {"0"}
            return (
                True
                if is_empty and not any(execution["status"] == "RUNNING" for execution in self.executions())
                else None
            )

        wait_for(look, SECONDS)

    def call(self, role: str, event: Mapping[str, Any]) -> dict[str, Any]:
        """Calls a Lambda. What it returns, or how it failed."""
        answer = self.house.aws.client("lambda").invoke(
            FunctionName=self.preset.functions[role], Payload=json.dumps(event)
        )
        return dict(json.loads(answer["Payload"].read()))

    def start(self) -> str:
        """As the schedule does: looks at the bucket, whatever the events say."""
        return str(self.call("availability", {"listing": True})["found"])

    @contextmanager
    def events_held_back(self) -> Iterator[None]:
        """No event starts anything meanwhile: they wait in the queue."""
        self._trigger(on=False)
        self.held_back = True
        try:
            yield
        finally:
            self.held_back = False
            self._trigger(on=True)

    def _trigger(self, *, on: bool) -> None:
        client = self.house.aws.client("lambda")
        [mapping] = client.list_event_source_mappings(FunctionName=self.preset.functions["availability"])[
            "EventSourceMappings"
        ]
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)

    def states_of(self, execution: str) -> list[str]:
        """The states that an execution entered, in order."""
        events = self.states.get_execution_history(executionArn=execution, maxResults=1000)["events"]
        return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]


@contextmanager
def deployed(home: Path, zips: Mapping[str, Path], preset: str = "ecommerce", **settings: Any) -> Iterator[Pipeline]:
    """Both stacks of a preset from the kept templates, on an embedded AWS of this home."""
    chosen = PRESETS[preset]
    told = Settings(home=home, **{**chosen.settings, "engine": "embedded", **settings})
    with embedded_aws(home) as running:
        house = Lakehouse(told, Aws(running.environment()))
        # The bucket first, with the zips in it: building them takes longer than all the rest.
        bring_up(
            house.aws.client("cloudformation"),
            chosen.storage_stack,
            stored_templates(preset).storage,
            parameters_of(told),
        )
        for name, built in zips.items():
            house.zone.store.upload(
                built, f"{told.control_prefix}code/{address(name, told.contracts, this_machine())}/{name}.zip"
            )
        outputs = deploy(told, house.aws, preset)
        yield Pipeline(house, chosen, outputs["StateMachineArn"], _listener(house.aws, outputs["TopicArn"]))


def _listener(aws: Aws, topic: str) -> str:
    sqs, sns = aws.client("sqs"), aws.client("sns")
    url = str(sqs.create_queue(QueueName="what-the-topic-said")["QueueUrl"])
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url
