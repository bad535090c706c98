"""The topic of messages to people."""

from __future__ import annotations

from lakehouse_assets.aws import Aws

MOST_BYTES_TOLD = 200_000
"""SNS takes 262,144 bytes, and refuses a message that has more: a batch of thousands of unusable files must not keep all other news from being told."""


def publish(aws: Aws, topic: str, subject: str, message: str) -> None:
    """Publishes to the account's topic of that name. What is too long for a message is cut."""
    sns, account = aws.client("sns"), aws.client("sts").get_caller_identity()["Account"]
    encoded = message.encode()
    short = message if len(encoded) <= MOST_BYTES_TOLD else encoded[:MOST_BYTES_TOLD].decode(errors="ignore") + "\n... and more."
    sns.publish(TopicArn=f"arn:aws:sns:{sns.meta.region_name}:{account}:{topic}", Subject=subject, Message=short)
