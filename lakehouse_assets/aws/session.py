"""Makes boto3's clients. Imported when the first client is made: boto3 takes 0.2 s to import."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ConfigParseError, ProfileNotFound
from botocore.loaders import Loader, create_loader
from botocore.session import Session

from lakehouse_assets.errors import BadConfiguration

CONNECTIONS = 16


def new_client(service: str, environment: Mapping[str, str]) -> Any:
    """A client of a service of AWS. `environment`: see `Aws`.

    Raises BadConfiguration if boto3's environment names a profile that does not exist, or a configuration file that
    cannot be read.
    """
    # botocore reads AWS_DEFAULT_REGION only; all other AWS SDKs, and our messages, use AWS_REGION.
    region = environment.get("AWS_REGION") if environment else os.environ.get("AWS_REGION") or None
    config = Config(retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=CONNECTIONS)
    try:
        session = boto3.Session(
            environment.get("AWS_ACCESS_KEY_ID"),
            environment.get("AWS_SECRET_ACCESS_KEY"),
            region_name=region,
            botocore_session=_without_profile() if environment else None,
        )
        return session.client(service, endpoint_url=environment.get("AWS_ENDPOINT_URL"), config=config)  # type: ignore[call-overload]
    except (ProfileNotFound, ConfigParseError) as error:
        raise BadConfiguration(
            f"The AWS account cannot be reached: {error}. Set AWS_PROFILE to one of those that `aws configure"
            " list-profiles` names, or unset it; profiles are read from ~/.aws/config and ~/.aws/credentials, or from"
            " the files that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name."
        ) from error


def _without_profile() -> Session:
    """A session that ignores the user's profile and configuration files: endpoint, region and credentials are given.
    (A stale AWS_PROFILE would fail the embedded AWS.)"""
    nothing = (None, None, os.devnull, None)
    session = Session(
        session_vars={"profile": (None, None, None, None), "config_file": nothing, "credentials_file": nothing}
    )
    session.register_component("data_loader", _service_descriptions())
    return session


@lru_cache
def _service_descriptions() -> Loader:
    """One loader of botocore's service descriptions for all sessions: parsing them is 40 of the 50 ms that a client
    takes."""
    return create_loader()
