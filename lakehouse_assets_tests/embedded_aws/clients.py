"""Clients of an embedded AWS that is not in this process's environment."""

from typing import Any

import boto3
import pytest

from lakehouse_assets.embedded_aws.process import EmbeddedAws


def client(service: str, aws: EmbeddedAws, **options: Any) -> Any:
    """A boto3 client with the credentials of this embedded AWS, unless the options name others."""
    keys = {"aws_access_key_id": aws.access_key_id, "aws_secret_access_key": aws.secret_access_key}
    return boto3.client(service, endpoint_url=aws.endpoint, region_name=aws.region, **(keys | options))  # type: ignore[call-overload]


def point_at(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this embedded AWS the default of boto3's clients. (A default session would keep its old credentials.)"""
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
