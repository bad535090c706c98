"""The queue into which S3 tells of files that landed. An event is a wake-up call and no more: what there is to do is
asked of the bucket.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.parallel import in_parallel

MOST_AT_ONCE = 100
"""Messages taken in one go. Their receipt handles are kept until the run is there, so there must not be too many."""
A_CALL = 10


@dataclass(frozen=True)
class Received:
    """`handles`: of messages that tell of objects. `needless`: of those that tell of none (S3's test event).
    `malformed`: the ids of those that cannot be read.

    These are left in the queue, which hands them to the dead-letter queue when they were received often enough.
    """

    handles: tuple[str, ...]
    needless: tuple[str, ...]
    malformed: tuple[str, ...]


@dataclass(frozen=True)
class Queue:
    """`wait_seconds`: how long to wait for a first message. SQS asks some of its servers alone where nobody waits, and
    may answer that nothing is there. The embedded one knows all its messages at once."""

    sqs: Any
    name: str
    wait_seconds: int = 0

    @cached_property
    def url(self) -> str:
        return str(self.sqs.get_queue_url(QueueName=self.name)["QueueUrl"])

    @cached_property
    def dead_letters_url(self) -> str | None:
        """Where the queue sends what was received too often; None where it has no such queue."""
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["RedrivePolicy"]).get("Attributes", {})
        if "RedrivePolicy" not in found:
            return None
        name = json.loads(found["RedrivePolicy"])["deadLetterTargetArn"].rsplit(":", 1)[-1]
        return str(self.sqs.get_queue_url(QueueName=name)["QueueUrl"])

    @failures_named("Looking at the dead-letter queue")
    def dead_letters(self) -> int:
        """How many messages lie in the dead-letter queue, whether or not someone is looking at them now."""
        if self.dead_letters_url is None:
            return 0
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.dead_letters_url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def receive(self) -> Received:
        """At most a hundred messages. They stay invisible to others for the queue's time-out, and come again if they
        are not deleted.
        """
        handles: list[str] = []
        needless: list[str] = []
        malformed: list[str] = []
        for _ in range(MOST_AT_ONCE // A_CALL):
            messages = self.sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=A_CALL, WaitTimeSeconds=self.wait_seconds
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
        """A handle that is too old deletes nothing: then the message comes again, and is one wake-up call more."""
        calls = [handles[start : start + A_CALL] for start in range(0, len(handles), A_CALL)]
        in_parallel(self._delete, calls)

    def _delete(self, handles: tuple[str, ...]) -> None:
        entries = [{"Id": str(number), "ReceiptHandle": handle} for number, handle in enumerate(handles)]
        self.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)


def objects_of(body: str) -> list[str] | None:
    """The keys (as written there) that a message tells of, from S3 itself or by EventBridge; none for S3's test event;
    None where it is no such message.
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
