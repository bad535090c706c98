"""The queue of S3's events for new files. An event is only a wake-up call: the pending files are read from the
bucket.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.parallel import in_parallel

MOST_AT_ONCE = 100
"""Messages of one tick. Their receipt handles are in the sensor's cursor until the run exists, so their number is
limited.
"""
A_CALL = 10


@dataclass(frozen=True)
class Received:
    """`handles`: receipt handles of messages that name objects. `needless`: receipt handles of messages that name none
    (S3's test event). `malformed`: ids of messages that are not S3 events.

    Malformed messages are left in the queue. SQS moves them to the dead-letter queue after some receives.
    """

    handles: tuple[str, ...]
    needless: tuple[str, ...]
    malformed: tuple[str, ...]


@dataclass(frozen=True)
class Queue:
    """`wait_seconds`: how long each call waits for a message. Without a wait, SQS queries only some of its servers and
    can miss messages; the embedded SQS does not.
    """

    sqs: Any
    name: str
    wait_seconds: int = 0

    @cached_property
    def url(self) -> str:
        return str(self.sqs.get_queue_url(QueueName=self.name)["QueueUrl"])

    @cached_property
    def dead_letters_url(self) -> str | None:
        """The URL of the dead-letter queue; None if there is none."""
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["RedrivePolicy"]).get("Attributes", {})
        if "RedrivePolicy" not in found:
            return None
        name = json.loads(found["RedrivePolicy"])["deadLetterTargetArn"].rsplit(":", 1)[-1]
        return str(self.sqs.get_queue_url(QueueName=name)["QueueUrl"])

    @failures_named("Looking at the dead-letter queue")
    def dead_letters(self) -> int:
        """The number of messages in the dead-letter queue, including those that a consumer has received."""
        if self.dead_letters_url is None:
            return 0
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.dead_letters_url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def receive(self, wait_seconds: int = 0) -> Received:
        """Receives at most MOST_AT_ONCE messages; `wait_seconds`: how long to wait for the first of them, at most 20.
        They are invisible to others for the queue's visibility time-out, and
        are delivered again if they are not deleted.
        """
        handles: list[str] = []
        needless: list[str] = []
        malformed: list[str] = []
        for call in range(MOST_AT_ONCE // A_CALL):
            wait = self.wait_seconds if call else max(wait_seconds, self.wait_seconds)
            messages = self.sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=A_CALL, WaitTimeSeconds=wait
            ).get("Messages", [])
            for message in messages:
                objects = objects_of(message["Body"])
                if objects is None:
                    malformed.append(str(message["MessageId"]))
                else:
                    (handles if objects else needless).append(str(message["ReceiptHandle"]))
            if not messages:
                break
        return Received(tuple(handles), tuple(needless), tuple(malformed))

    def delete(self, handles: tuple[str, ...]) -> None:
        """Deletes messages. A handle that is too old deletes nothing: the message is delivered again, as one more
        wake-up call.
        """
        calls = [handles[start : start + A_CALL] for start in range(0, len(handles), A_CALL)]
        in_parallel(self._delete, calls)

    def _delete(self, handles: tuple[str, ...]) -> None:
        entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)]
        self.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)


def objects_of(body: str) -> list[str] | None:
    """The keys in a message from S3 or EventBridge, encoded as they are there. Empty for S3's test event; None if the
    message is not an S3 event.
    """
    try:
        event = json.loads(body)
        if event.get("Event") == "s3:TestEvent":
            return []
        if "detail-type" in event:
            return [str(event["detail"]["object"]["key"])]
        return [str(record["s3"]["object"]["key"]) for record in event["Records"]]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
