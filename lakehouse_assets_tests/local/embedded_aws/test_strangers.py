import urllib.request
from urllib.error import HTTPError

import boto3
import pytest
from mypy_boto3_s3 import S3Client

from lakehouse_assets.local.process import EmbeddedAws


def status(aws: EmbeddedAws, method: str, path: str, **headers: str) -> int:
    asked = urllib.request.Request(aws.endpoint + path, method=method, data=b"" if method == "POST" else None)
    for name, value in headers.items():
        asked.add_header(name.replace("_", "-"), value)
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
def test_a_web_page_gets_no_answer_and_changes_nothing(page: dict[str, str], aws: EmbeddedAws, s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"content")

    for method, path in (("GET", f"/{bucket}/key"), ("DELETE", f"/{bucket}/key"), ("OPTIONS", f"/{bucket}"), ("POST", "/?Action=ListQueues")):
        assert status(aws, method, path, **page) == 403

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"content"


def test_no_one_can_erase_all(aws: EmbeddedAws, s3: S3Client, bucket: str) -> None:
    assert status(aws, "POST", "/_ministack/reset") == status(aws, "POST", "/_ministack/config") == 403
    assert status(aws, "GET", "/_ministack/health") == 200
    assert s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_whoever_says_localhost_is_answered(aws: EmbeddedAws, s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"content")

    assert boto3.client("s3", endpoint_url=aws.endpoint.replace("127.0.0.1", "localhost")).get_object(Bucket=bucket, Key="key")["ContentLength"] == 7


def test_a_person_may_look_at_an_object_in_a_browser(aws: EmbeddedAws, s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"content")

    assert status(aws, "GET", f"/{bucket}/key", Sec_Fetch_Site="none") == 200
