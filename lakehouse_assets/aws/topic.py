"""Publishes messages to the SNS topic."""

from __future__ import annotations

import json
from bisect import bisect_right

from lakehouse_assets.aws.client import Aws

MOST_BYTES = 200_000
"""SNS rejects messages over 262,144 bytes. Longer texts are cut, so that a batch with thousands of bad files can still
be reported. A state machine passes the message as JSON, and a state's data is limited to 262,144 bytes, too
(States.DataLimitExceeded, which a Catch of States.ALL does not catch).
"""
CUT = "\n... and more."


def publish(aws: Aws, topic: str, subject: str, message: str) -> None:
    """Publishes to the account's topic of that name. A message that is too long is cut."""
    sns, account = aws.client("sns"), aws.client("sts").get_caller_identity()["Account"]
    sns.publish(TopicArn=f"arn:aws:sns:{sns.meta.region_name}:{account}:{topic}", Subject=subject, Message=cut(message))


def cut(message: str) -> str:
    """The message, cut to MOST_BYTES of its JSON, in which a character outside ASCII can take six bytes."""
    if _bytes(message) <= MOST_BYTES:
        return message
    too_long = bisect_right(range(MOST_BYTES), MOST_BYTES, key=lambda characters: _bytes(message[:characters]))
    return message[: too_long - 1] + CUT


def _bytes(message: str) -> int:
    return len(json.dumps(message))
