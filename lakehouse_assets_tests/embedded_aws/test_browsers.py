import urllib.request
from urllib.error import HTTPError

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from mypy_boto3_s3 import S3Client

from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets_tests.embedded_aws.clients import client


def status(aws: EmbeddedAws, method: str, path: str, **headers: str) -> int:
    """The HTTP status of a correctly signed request: web pages are refused even with the secret."""
    body = b"" if method == "POST" else None
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    signed = AWSRequest(
        method, aws.endpoint + path, headers={"Host": aws.endpoint.removeprefix("http://")} | told, data=body
    )
    S3SigV4Auth(Credentials(aws.access_key_id, aws.secret_access_key), "s3", aws.region).add_auth(signed)
    asked = urllib.request.Request(aws.endpoint + path, method=method, data=body, headers=dict(signed.headers.items()))
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert answer.status == 200
            return 200
    except HTTPError as error:
        return error.code


@pytest.mark.parametrize(
    "page",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Host": "evil.example"},
        {"Host": "evil.example:4566"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost.evil.example"},
    ],
    ids=lambda page: "=".join(*page.items()),
)
def test_a_web_page_gets_no_answer_and_changes_nothing(
    page: dict[str, str], aws: EmbeddedAws, s3: S3Client, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"content")

    for method, path in (
        ("GET", f"/{bucket}/key"),
        ("DELETE", f"/{bucket}/key"),
        ("OPTIONS", f"/{bucket}"),
        ("POST", "/?Action=ListQueues"),
    ):
        assert status(aws, method, path, **page) == 403

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"content"


def test_no_one_can_erase_all(aws: EmbeddedAws, s3: S3Client, bucket: str) -> None:
    assert status(aws, "POST", "/_ministack/reset") == status(aws, "POST", "/_ministack/config") == 403
    assert status(aws, "GET", "/_ministack/health") == 200
    assert s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_whoever_says_localhost_is_answered(aws: EmbeddedAws, s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"content")

    assert status(aws, "GET", f"/{bucket}/key") == 200
    assert (
        boto3.client("s3", endpoint_url=aws.endpoint.replace("127.0.0.1", "localhost")).get_object(
            Bucket=bucket, Key="key"
        )["ContentLength"]
        == 7
    )


def test_a_person_may_look_at_an_object_in_a_browser(aws: EmbeddedAws, s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"content")

    url = client("s3", aws, config=Config(signature_version="s3v4")).generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "key"}
    )

    with urllib.request.urlopen(urllib.request.Request(url, headers={"Sec-Fetch-Site": "none"}), timeout=30) as answer:
        assert answer.read() == b"content"
