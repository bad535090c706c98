"""The sensor as the daemon has it, its queue, and a queue that subscribes to the topic."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import dagster as dg

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.definitions import defs
from lakehouse_assets.jobs import LOAD_BATCH
from lakehouse_assets.sensors.landing import Cursor, evaluate

Heard = Callable[[], list[tuple[str, str]]]
NOTHING_DUE = Cursor(look_again=False, looked_at=4e9)
"""Of a daemon that looked at the bucket just now: only events can wake it."""


class Daemon:
    """Does with a tick's outcome what Dagster's daemon does: saves the cursor, runs what was asked for (unless told to
    die before).

    Its clock is so many seconds `ahead`.
    """

    def __init__(self, lakehouse: Lakehouse, instance: dg.DagsterInstance) -> None:
        self.lakehouse, self.instance = lakehouse, instance
        self.cursor = NOTHING_DUE.written()
        self.ahead = 0.0

    def evaluate(self) -> dg.SensorResult:
        return evaluate(
            dg.build_sensor_context(self.instance),
            self.lakehouse,
            Cursor.read(self.cursor),
            time.time() + self.ahead,
        )

    def tick(self) -> int:
        """How many runs it began; they have ended."""
        result = self.evaluate()
        self.cursor = result.cursor or self.cursor
        for request in result.run_requests or []:
            self.run(request)
        return len(result.run_requests or [])

    def run(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        return defs.resolve_job_def(LOAD_BATCH).execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            tags={"dagster/run_key": str(request.run_key), "dagster/sensor_name": "files_landed"},
        )

    def says(self) -> str:
        """Why a tick begins no run."""
        result = self.evaluate()
        self.cursor = result.cursor or self.cursor
        assert not result.run_requests
        return str(getattr(result.skip_reason, "skip_message", result.skip_reason))

    @property
    def runs(self) -> int:
        return self.instance.get_runs_count()


def messages(lakehouse: Lakehouse, queue: str | None = None) -> int:
    """In the queue, received or not."""
    sqs = lakehouse.aws.client("sqs")
    url = sqs.get_queue_url(QueueName=queue or lakehouse.settings.queue)["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def comes_again_after_a_second(lakehouse: Lakehouse) -> None:
    """A message that was received and not deleted."""
    lakehouse.aws.client("sqs").set_queue_attributes(
        QueueUrl=lakehouse.queue.url, Attributes={"VisibilityTimeout": "1"}
    )


def subscribed(lakehouse: Lakehouse) -> Heard:
    """Subject and text of every message since the last call, as a subscribed queue gets them."""
    sns, sqs = lakehouse.aws.client("sns"), lakehouse.aws.client("sqs")
    url = sqs.create_queue(QueueName=f"{lakehouse.settings.topic}-subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=sns.create_topic(Name=lakehouse.settings.topic)["TopicArn"], Protocol="sqs", Endpoint=arn)

    def heard() -> list[tuple[str, str]]:
        found = []
        while received := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in received:
                body = json.loads(message["Body"])
                found.append((body["Subject"], body["Message"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    return heard
