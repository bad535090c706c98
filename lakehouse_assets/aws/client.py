"""Clients of AWS, and the meaning of AWS's errors: an outage (retry) or a wrong name or missing permission (a person
has to act).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    InvalidConfigError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    ValidationError,
)

from lakehouse_assets.errors import BadConfiguration, LakehouseError, TemporaryOutage

ASK_DOCTOR = "`lakehouse doctor` checks them."
AWS_OWN = re.compile(r"https://s3([.-][a-z0-9-]+)?\.amazonaws\.com(\.cn)?")
CONFLICT = "ConditionalRequestConflict"
"""S3's 409 to a conditional write: another write was in progress. "Retry the upload" (PutObject). Only a 412 says that
the condition does not hold.
"""
TEMPORARY = {
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "OperationTimeoutException",
    CONFLICT,
}
"""Error codes of calls that may succeed if they are retried."""
FORBIDDEN = {"403", "AccessDenied", "AccessDeniedException", "AuthorizationError"}
"""Error codes for a missing permission. S3 answers a HEAD request without a code, so botocore gives the status, 403.
AuthorizationError is SNS's.
"""
NOT_AUTHORIZED = re.compile(r'not authorized to perform: (\S+)(?: on resource: "?([^\s"]+))?')
"""AWS's text that names the missing permission. For a request from another account, and for every HEAD, S3 says only
that access is denied.
"""
LOOK_FOR_A_DENY = (
    "If its policy allows it already, check for a deny in the bucket policy, the KMS key policy or an organisation"
    " policy (SCP)."
)
ACTIONS_OF_S3 = {
    "CompleteMultipartUpload": "s3:PutObject",
    "CopyObject": "s3:GetObject of the source, s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListObjectsV2": "s3:ListBucket",
    "UploadPart": "s3:PutObject",
    "UploadPartCopy": "s3:GetObject of the source, s3:PutObject",
}
"""Operations of S3 whose IAM action has another name."""
ASKED_OF_S3 = "lakehouse_asked"
OUR_FAULTS = (
    ConfigParseError,
    InvalidConfigError,
    InvalidRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    ValidationError,
)
"""Errors that botocore raises before it calls AWS: a person has to fix a profile, a name or a session."""


@dataclass(frozen=True)
class Aws:
    """`environment`: AWS_… variables with an endpoint and credentials. If it is empty, boto3's own environment applies,
    with its profiles and configuration files.
    """

    environment: Mapping[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A boto3 client, which threads can share. With an `environment`, the process has one client per service.

        Raises BadConfiguration if boto3's environment names a profile that does not exist, or a configuration file that
        cannot be read.
        """
        named = tuple(sorted(self.environment.items()))
        return _client(service, named) if named else _client.__wrapped__(service, named)

    @cached_property
    def storage_options(self) -> dict[str, str]:
        """Options for delta-rs, and for Spark on this machine: the `environment`, if there is one. Otherwise delta-rs
        and Spark find credentials as boto3 does, and get boto3's endpoint if it is not AWS's own.
        """
        return dict(self.environment) or _where_boto3_finds_s3(self.client("s3"))


def _where_boto3_finds_s3(s3: Any) -> dict[str, str]:
    """Options with boto3's endpoint of S3; none if it is AWS's own. Variables, profiles and configuration files can
    name another (MinIO, a VPC endpoint, FIPS). delta-rs and Spark read only some of them, so both get boto3's result.
    """
    endpoint = str(s3.meta.endpoint_url)
    if AWS_OWN.fullmatch(endpoint):
        return {}
    # With an endpoint, delta-rs looks for credentials only in variables, unless AWS_FORCE_CREDENTIAL_LOAD is set.
    options = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_REGION": str(s3.meta.region_name),
        "AWS_FORCE_CREDENTIAL_LOAD": "true",
    }
    return options | ({"AWS_ALLOW_HTTP": "true"} if endpoint.startswith("http:") else {})


@lru_cache
def _client(service: str, environment: tuple[tuple[str, str], ...]) -> Any:
    # boto3 takes 0.2 s to import; `lakehouse COMMAND --help` and completion import this module and need no client.
    from lakehouse_assets.aws.session import new_client  # noqa: PLC0415

    client = new_client(service, dict(environment))
    if service == "s3":
        client.meta.events.register("provide-client-params.s3", _keep_what_is_asked)
        client.meta.events.register("after-call.s3", _name_what_was_forbidden)
    return client


def _keep_what_is_asked(params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
    context[ASKED_OF_S3] = f"s3://{params.get('Bucket', '')}/{params.get('Key', params.get('Prefix', ''))}"


def _name_what_was_forbidden(parsed: dict[str, Any], model: Any, context: Mapping[str, Any], **_: Any) -> None:
    error = parsed.get("Error", {})
    if error.get("Code") in FORBIDDEN and not NOT_AUTHORIZED.search(error.get("Message", "")):
        action = ACTIONS_OF_S3.get(model.name, f"s3:{model.name}")
        error["Message"] = (
            f"{error.get('Message')}: not authorized to perform: {action} on resource: {context.get(ASKED_OF_S3)}"
        )


@contextmanager
def failures_named(doing: str) -> Iterator[None]:
    """Turns the AWS client's errors into ours, saying what was being done."""
    try:
        yield
    except Exception as error:
        if (failure := _failure(doing, error)) is None:
            raise
        raise failure from error


def _failure(doing: str, error: Exception) -> LakehouseError | None:
    """Our error for one of the AWS client's; None for any other."""
    from boto3.exceptions import RetriesExceededError, S3UploadFailedError  # noqa: PLC0415 - see `_client`

    if isinstance(error, NoCredentialsError | NoRegionError):
        return BadConfiguration(
            f"{doing}: {str(error).rstrip('.')}. Set AWS_PROFILE or AWS_ACCESS_KEY_ID, and AWS_REGION. {ASK_DOCTOR}"
        )
    if isinstance(error, S3UploadFailedError) and isinstance(error.__context__, ClientError):
        # boto3 raises it for each answer that is not a success; its context is that answer.
        return _answered(doing, error.__context__)
    if isinstance(error, ClientError):
        return _answered(doing, error)
    if isinstance(error, OUR_FAULTS):
        return BadConfiguration(f"{doing}: {error}. {ASK_DOCTOR}")
    if isinstance(error, BotoCoreError | S3UploadFailedError | RetriesExceededError):
        return _unanswered(doing, error)
    return None


def _answered(doing: str, error: ClientError) -> LakehouseError:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in TEMPORARY or status >= 500:
        return TemporaryOutage(f"{doing}: AWS answered {code} ({error}). Nothing is lost; run it again.")
    if code in FORBIDDEN:
        return BadConfiguration(
            f"{doing}: a permission is missing: {error}. Allow it to the role or user that runs this, then run it"
            f" again. {LOOK_FOR_A_DENY}"
        )
    return BadConfiguration(f"{doing}: AWS refused it with {code}: {error}. Check the name and the permissions.")


def _unanswered(doing: str, error: Exception) -> TemporaryOutage:
    return TemporaryOutage(f"{doing}: AWS did not answer ({error}). Nothing is lost; run it again.")


def pauses(first: float, longest: float) -> Iterator[float]:
    """Yields the seconds between polls of an operation, without end: from `first`, each 1.5 times the previous one, up
    to `longest`.
    """
    pause = first
    while True:
        yield pause
        pause = min(pause * 1.5, longest)
