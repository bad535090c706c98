"""Where clients of AWS go: what is told goes before the process's environment. And which of its failures are
outages.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from boto3.exceptions import RetriesExceededError, S3UploadFailedError
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    ParamValidationError,
    PartialCredentialsError,
    UnauthorizedSSOTokenError,
)
from botocore.stub import Stubber

from lakehouse_assets.aws.client import Aws, failures_named
from lakehouse_assets.errors import BadConfiguration, LakehouseError, TemporaryOutage


@pytest.fixture(autouse=True)
def no_region_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))


def test_the_region_of_the_processs_environment_has_either_of_its_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore reads AWS_DEFAULT_REGION only; all other AWS SDKs, the README and our own messages say AWS_REGION."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert Aws().client("s3").meta.region_name == "eu-west-1"
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert Aws().client("s3").meta.region_name == "eu-central-1"


def test_a_region_that_is_told_goes_before_the_processs_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    told = {"AWS_REGION": "us-west-2", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    assert Aws(told).client("s3").meta.region_name == "us-west-2"


@pytest.mark.parametrize(
    ("operation", "request_", "answer", "missing"),
    [
        (
            "put_object",
            {"Bucket": "lake", "Key": "raw/a.csv"},
            ("AccessDenied", "Access Denied"),
            "s3:PutObject on resource: s3://lake/raw/a.csv",
        ),
        (
            "head_object",
            {"Bucket": "lake", "Key": "raw/a.csv"},
            ("403", "Forbidden"),
            "s3:GetObject on resource: s3://lake/raw/a.csv",
        ),
        (
            "list_objects_v2",
            {"Bucket": "lake", "Prefix": "raw/"},
            ("AccessDenied", "Access Denied"),
            "s3:ListBucket on resource: s3://lake/raw/",
        ),
        (
            "get_object",
            {"Bucket": "lake", "Key": "raw/a.csv"},
            (
                "AccessDenied",
                (
                    'User: arn:aws:iam::1:user/u is not authorized to perform: kms:Decrypt on resource: "arn:aws:kms:k"'
                    " because no policy allows it"
                ),
            ),
            'kms:Decrypt on resource: "arn:aws:kms:k"',
        ),
    ],
    ids=["put", "head", "list", "said by AWS"],
)
def test_a_missing_permission_is_named_with_what_it_is_for(
    operation: str, request_: dict[str, str], answer: tuple[str, str], missing: str
) -> None:
    s3 = Aws({"AWS_REGION": "us-west-2", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}).client("s3")
    with Stubber(s3) as stubbed:
        stubbed.add_client_error(operation, *answer, http_status_code=403)
        with pytest.raises(BadConfiguration) as refused, failures_named("Freezing a batch"):
            getattr(s3, operation)(**request_)
    assert str(refused.value).startswith("Freezing a batch: a permission is missing: ")
    assert str(refused.value).count(f"not authorized to perform: {missing}") == 1


def answered(code: str, status: int) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")  # type: ignore[typeddict-item]


def upload_failed(answer: ClientError) -> Exception:
    """As boto3 raises it."""
    try:
        try:
            raise answer
        except ClientError as error:
            raise S3UploadFailedError(f"Failed to upload a to b: {error}")  # noqa: B904 - boto3 raises it without a cause
    except S3UploadFailedError as failed:
        return failed


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (answered("SlowDown", 503), TemporaryOutage),
        (answered("InternalError", 500), TemporaryOutage),
        (answered("ConditionalRequestConflict", 409), TemporaryOutage),
        (answered("AccessDenied", 403), BadConfiguration),
        (answered("KeyTooLongError", 400), BadConfiguration),
        (answered("NoSuchBucket", 404), BadConfiguration),
        (upload_failed(answered("AccessDenied", 403)), BadConfiguration),
        (upload_failed(answered("SlowDown", 503)), TemporaryOutage),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1"), TemporaryOutage),
        (RetriesExceededError(OSError("connection reset")), TemporaryOutage),  # type: ignore[arg-type]
        (ParamValidationError(report="Invalid bucket name"), BadConfiguration),
        (PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), BadConfiguration),
        (UnauthorizedSSOTokenError(), BadConfiguration),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value)[:60],
)
def test_an_outage_is_only_what_a_retry_can_heal(raised: Exception, kind: type[LakehouseError]) -> None:
    with pytest.raises(kind, match="Loading orders: "), failures_named("Loading orders"):
        raise raised
