"""The topic of messages to people."""

from __future__ import annotations

import json
from bisect import bisect_right

from lakehouse_assets.aws.client import Aws

MOST_BYTES_TOLD = 200_000
"""SNS takes 262,144 bytes, and refuses a message that has more: a batch of thousands of unusable files must not keep
all other news from being told. On its way there through a state machine it is JSON, and a state's data has 262,144
bytes, too (States.DataLimitExceeded, which no Catch of States.ALL catches)."""
CUT = "\n... and more."


def publish(aws: Aws, topic: str, subject: str, message: str) -> None:
    """Publishes to the account's topic of that name. What is too long for a message is cut."""
    sns, account = aws.client("sns"), aws.client("sts").get_caller_identity()["Account"]
    sns.publish(TopicArn=f"arn:aws:sns:{sns.meta.region_name}:{account}:{topic}", Subject=subject, Message=cut(message))


def cut(message: str) -> str:
    """The message, or as much of it as fits, wherever it goes: counted is the JSON of it, in which a letter beyond
    ASCII may take six bytes.
    """
    if _bytes(message) <= MOST_BYTES_TOLD:
        return message
    too_long = bisect_right(
        range(MOST_BYTES_TOLD), MOST_BYTES_TOLD, key=lambda characters: _bytes(message[:characters])
    )
    return message[: too_long - 1] + CUT


def _bytes(message: str) -> int:
    return len(json.dumps(message))
