"""Clients of an embedded AWS that the process's environment does not name."""

from typing import Any

import boto3
import pytest

from lakehouse_assets.embedded_aws.process import EmbeddedAws


def client(service: str, aws: EmbeddedAws, **options: Any) -> Any:
    """A boto3 client that knows the secret of this embedded AWS, unless the options name another key."""
    keys = {"aws_access_key_id": aws.access_key_id, "aws_secret_access_key": aws.secret_access_key}
    return boto3.client(service, endpoint_url=aws.endpoint, region_name=aws.region, **(keys | options))  # type: ignore[call-overload]


def point_at(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on boto3's clients are by default this one's. Its default session keeps the credentials that it was
    made with.
    """
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
