"""How AWS is reached, and what its failures mean: one place that tells an outage (try again) from a wrong name or a
missing permission (someone has to act).
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
"""S3's 409 to a write on a condition: another write was under way. "Retry the upload" (PutObject); whether the
condition holds, only 412 says.
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
"""Answers that may be others the next time."""
FORBIDDEN = {"403", "AccessDenied", "AccessDeniedException", "AuthorizationError"}
"""A permission is missing. (To a HEAD S3 answers without a code; the last is SNS's.)"""
NOT_AUTHORIZED = re.compile(r'not authorized to perform: (\S+)(?: on resource: "?([^\s"]+))?')
"""How AWS names what is missing. To a request from another account, and to each HEAD, S3 says no more than that access
is denied.
"""
LOOK_FOR_A_DENY = "(Where its policy allows it: a policy of the bucket, of the key or of the organisation may deny it.)"
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
"""What IAM calls the operations whose permission has another name."""
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
"""What botocore finds before it asks AWS: a profile, a name or a session that someone has to mend."""


@dataclass(frozen=True)
class Aws:
    """`environment`: AWS_… variables that name an endpoint and credentials; empty means boto3's own environment,
    profiles and configuration files included.
    """

    environment: Mapping[str, str] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A client, safe to share between threads. One that names its endpoint is made once for the process.

        Raises BadConfiguration where boto3's environment names a profile that is not there, or a configuration file
        that cannot be read.
        """
        named = tuple(sorted(self.environment.items()))
        return _client(service, named) if named else _client.__wrapped__(service, named)

    @cached_property
    def storage_options(self) -> dict[str, str]:
        """For delta-rs, and for Spark on this machine: the same environment. A client of AWS itself finds its
        credentials as boto3 does, and its S3 where boto3 finds it."""
        return dict(self.environment) or _where_boto3_finds_s3(self.client("s3"))


def _where_boto3_finds_s3(s3: Any) -> dict[str, str]:
    """Nothing where that is AWS's own place. Variables, profiles and configuration files may name another (MinIO, a
    VPC's, FIPS), of which delta-rs reads some only and Spark others: both are told what boto3 made of them."""
    endpoint = str(s3.meta.endpoint_url)
    if AWS_OWN.fullmatch(endpoint):
        return {}
    # Where an endpoint is named, delta-rs looks for credentials in variables only, unless it is told to look
    # everywhere.
    told = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_REGION": str(s3.meta.region_name),
        "AWS_FORCE_CREDENTIAL_LOAD": "true",
    }
    return told | ({"AWS_ALLOW_HTTP": "true"} if endpoint.startswith("http:") else {})


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
    """Seconds between looks at what AWS has under way: each half as long again as the one before, up to the longest.
    Without end.
    """
    pause = first
    while True:
        yield pause
        pause = min(pause * 1.5, longest)
