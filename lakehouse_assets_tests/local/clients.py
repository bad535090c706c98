"""Clients of an embedded AWS that the process's environment does not name."""

from typing import Any

import boto3

from lakehouse_assets.local.process import EmbeddedAws


def client(service: str, aws: EmbeddedAws, **options: Any) -> Any:
    """A boto3 client that knows the secret of this embedded AWS, unless the options name another key."""
    keys = {"aws_access_key_id": aws.access_key_id, "aws_secret_access_key": aws.secret_access_key}
    return boto3.client(service, endpoint_url=aws.endpoint, region_name=aws.region, **(keys | options))  # type: ignore[call-overload]
