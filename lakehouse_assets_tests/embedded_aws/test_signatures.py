"""Requests without the home's secret are refused in every form. Requests that are signed with it are answered in every
form.
"""

import json
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import boto3
import botocore.auth
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from deltalake import DeltaTable
from deltalake.schema import Field, PrimitiveType, Schema
from mypy_boto3_s3 import S3Client

from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets_tests.embedded_aws.clients import client
from lakehouse_assets_tests.embedded_aws.step_functions.test_lambda_errors import made

V4 = Config(signature_version="s3v4")


def answer(
    url: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, body, dict(headers or {}), method=method), timeout=30
        ) as found:
            return found.status, found.read()
    except HTTPError as error:
        return error.code, error.read()


class Signer(S3SigV4Auth):
    """S3's signer, with a given x-amz-content-sha256."""

    def __init__(self, aws: EmbeddedAws, payload: str | None = None) -> None:
        super().__init__(Credentials(aws.access_key_id, aws.secret_access_key), "s3", aws.region)
        self._payload = payload

    def payload(self, request: AWSRequest) -> str:
        return self._payload or str(super().payload(request))


def signed(
    aws: EmbeddedAws, method: str, path: str, body: bytes, payload: str | None = None, **headers: str
) -> dict[str, str]:
    """The headers of a correctly signed request to S3."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    request = AWSRequest(
        method, aws.endpoint + path, headers={"Host": aws.endpoint.removeprefix("http://")} | told, data=body
    )
    Signer(aws, payload).add_auth(request)
    return dict(request.headers.items())


@pytest.fixture
def key(s3: S3Client, bucket: str) -> str:
    """The path of an object with the content `theirs`, in a new bucket."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"theirs")
    return f"/{bucket}/key"


def content(aws: EmbeddedAws, key: str) -> bytes:
    bucket, _, name = key.removeprefix("/").partition("/")
    found: bytes = client("s3", aws).get_object(Bucket=bucket, Key=name)["Body"].read()
    return found


@pytest.mark.parametrize("secret", ["no key", "no secret"])
@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("s3", "list_buckets", {}),
        ("s3", "put_object", {"Bucket": "any", "Key": "any", "Body": b"x"}),
        ("glue", "start_job_run", {"JobName": "job"}),
        ("lambda", "list_functions", {}),
        ("lambda", "invoke", {"FunctionName": "any", "Payload": b"{}"}),
        ("cloudformation", "list_stacks", {}),
        ("sqs", "list_queues", {}),
        ("sns", "list_topics", {}),
        ("athena", "list_work_groups", {}),
        ("stepfunctions", "list_state_machines", {}),
        ("sts", "get_caller_identity", {}),
    ],
)
def test_a_client_of_another_user_is_refused_by_each_service(
    aws: EmbeddedAws, service: str, operation: str, arguments: dict[str, Any], secret: str
) -> None:
    key, code = ("test", "InvalidAccessKeyId") if secret == "no key" else (aws.access_key_id, "SignatureDoesNotMatch")
    other = client(service, aws, aws_access_key_id=key, aws_secret_access_key="test")

    with pytest.raises(ClientError) as refused:
        getattr(other, operation)(**arguments)

    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert "lakehouse env" in refused.value.response["Error"]["Message"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer any"},
        {"Authorization": "AWS4-HMAC-SHA256"},
        {"Authorization": "AWS4-HMAC-SHA256 Credential=any, SignedHeaders=host, Signature=any"},
        {"Authorization": "AWS any:any"},
    ],
    ids=["nothing", "a token", "an algorithm", "half a signature", "version 2"],
)
def test_a_request_without_a_signature_does_nothing(
    aws: EmbeddedAws, key: str, method: str, headers: dict[str, str]
) -> None:
    status, body = answer(aws.endpoint + key, method, headers, b"mine" if method == "PUT" else None)

    assert (status, b"theirs" in body) == (403, False)
    assert content(aws, key) == b"theirs"


def test_a_request_without_a_signature_cannot_make_a_lambda(aws: EmbeddedAws) -> None:
    name = {"FunctionName": "mine", "Runtime": "python3.12", "Role": "role", "Handler": "h.h", "Code": {"ZipFile": ""}}
    headers = {"Content-Type": "application/json"}

    assert answer(f"{aws.endpoint}/2015-03-31/functions", "POST", headers, json.dumps(name).encode())[0] == 403
    assert answer(f"{aws.endpoint}/?{urlencode({'Action': 'CreateStack', 'StackName': 'mine'})}", "POST")[0] == 403
    assert "mine" not in [function["FunctionName"] for function in boto3.client("lambda").list_functions()["Functions"]]


def test_the_health_is_told_to_anyone(aws: EmbeddedAws) -> None:
    assert answer(f"{aws.endpoint}/_ministack/health")[0] == 200


@pytest.mark.parametrize("changed", ["body", "body and hash", "path", "method", "header"])
def test_a_signature_is_good_for_its_own_request_alone(aws: EmbeddedAws, key: str, changed: str) -> None:
    headers = signed(aws, "PUT", key, b"signed", x_amz_meta_owner="me")
    method, path, body = "PUT", key, b"signed"
    if changed == "method":
        method, body = "DELETE", b""
    if changed == "path":
        path = f"{key}-other"
    if changed == "header":
        headers["x-amz-meta-owner"] = "other"
    if changed.startswith("body"):
        body = b"others"
    if changed == "body and hash":
        headers["X-Amz-Content-SHA256"] = sha256(body).hexdigest()

    status, told = answer(aws.endpoint + path, method, headers, body)

    assert (status, b"SignatureDoesNotMatch" in told or b"XAmzContentSHA256Mismatch" in told) == (403, True)
    assert content(aws, key) == b"theirs"
    assert (
        answer(aws.endpoint + key, "PUT", signed(aws, "PUT", key, b"signed", x_amz_meta_owner="me"), b"signed")[0]
        == 200
    )


def test_the_body_of_a_service_that_sends_no_hash_is_signed_too(aws: EmbeddedAws) -> None:
    def headers(body: bytes) -> dict[str, str]:
        told = {
            "Host": aws.endpoint.removeprefix("http://"),
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "AWSGlue.GetDatabases",
        }
        request = AWSRequest("POST", f"{aws.endpoint}/", headers=told, data=body)
        SigV4Auth(Credentials(aws.access_key_id, aws.secret_access_key), "glue", aws.region).add_auth(request)
        return dict(request.headers.items())

    assert answer(f"{aws.endpoint}/", "POST", headers(b"{}"), b"{}")[0] == 200
    assert answer(f"{aws.endpoint}/", "POST", headers(b"{}"), b'{"MaxResults": 1}')[0] == 403


def test_a_request_of_yesterday_is_refused(aws: EmbeddedAws, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: yesterday)
    headers = signed(aws, "GET", key, b"")
    monkeypatch.undo()

    status, told = answer(aws.endpoint + key, headers=headers)

    assert (status, b"RequestTimeTooSkewed" in told) == (403, True)


def test_a_presigned_url_opens_its_own_object_for_its_own_time(
    aws: EmbeddedAws, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def url(**options: Any) -> str:
        asked = {"Params": {"Bucket": key.split("/")[1], "Key": "key"}, "ExpiresIn": 60}
        return str(client("s3", aws, config=V4, **options).generate_presigned_url("get_object", **asked))

    assert answer(url()) == (200, b"theirs")
    assert answer(url().replace("/key?", "/other?"))[0] == 403
    assert answer(url(aws_secret_access_key="wrong"))[0] == 403
    assert answer(url(aws_access_key_id="test", aws_secret_access_key="test"))[0] == 403
    before = datetime.now(UTC) - timedelta(minutes=2)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: before)
    assert answer(url())[0] == 403


def in_chunks(aws: EmbeddedAws, path: str, signed_chunk: bytes, sent_chunk: bytes) -> tuple[dict[str, str], bytes]:
    """A PUT as S3A sends it over HTTP: the header's signature is the first of a chain with one for each chunk."""
    length = {"x_amz_decoded_content_length": str(len(signed_chunk)), "Content_Encoding": "aws-chunked"}
    headers = signed(aws, "PUT", path, b"", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", **length)
    signer, request = Signer(aws), AWSRequest()
    request.context["timestamp"] = headers["X-Amz-Date"]
    last, body = headers["Authorization"].rpartition("Signature=")[2], b""
    for to_sign, to_send in ((signed_chunk, sent_chunk), (b"", b"")):
        parts = [
            "AWS4-HMAC-SHA256-PAYLOAD",
            headers["X-Amz-Date"],
            signer.credential_scope(request),
            last,
            sha256(b"").hexdigest(),
        ]
        last = signer.signature("\n".join([*parts, sha256(to_sign).hexdigest()]), request)
        body += f"{len(to_send):x};chunk-signature={last}\r\n".encode() + to_send + b"\r\n"
    return headers, body


def test_each_chunk_of_a_body_has_to_be_the_one_that_was_signed(aws: EmbeddedAws, key: str) -> None:
    headers, body = in_chunks(aws, key, b"signed", b"others")
    assert answer(aws.endpoint + key, "PUT", headers, body)[0] == 403
    assert content(aws, key) == b"theirs"

    headers, body = in_chunks(aws, key, b"signed", b"signed")
    assert answer(aws.endpoint + key, "PUT", headers, body)[0] == 200
    assert content(aws, key) == b"signed"


def test_a_body_that_is_said_to_be_unsigned_is_taken_with_a_signed_header(aws: EmbeddedAws, key: str) -> None:
    for told in ("UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"):
        chunked = told.startswith("STREAMING")
        trailer = {
            "Content_Encoding": "aws-chunked",
            "x_amz_trailer": "x-amz-checksum-crc32",
            "x_amz_decoded_content_length": "4",
        }
        headers = signed(aws, "PUT", key, b"", told, **(trailer if chunked else {}))
        body = b"4\r\nmine\r\n0\r\nx-amz-checksum-crc32:aajTkw==\r\n\r\n" if chunked else b"ours"
        status, said = answer(aws.endpoint + key, "PUT", headers, body)
        assert status == 200, said
        assert content(aws, key) == (b"mine" if chunked else b"ours")


def test_keys_that_need_escapes_are_signed_alike_by_boto3_and_delta_rs(
    aws: EmbeddedAws, s3: S3Client, bucket: str
) -> None:
    name = "a b+c=ü/x~(1)*'&%41,€.txt"
    s3.put_object(Bucket=bucket, Key=name, Body=b"content")
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket, Prefix=name)["Contents"]] == [name]

    uri = f"s3://{bucket}/a b ü/+&"
    DeltaTable.create(uri, Schema([Field("n", PrimitiveType("integer"))]), storage_options=aws.environment())
    assert DeltaTable(uri, storage_options=aws.environment()).version() == 0
    with pytest.raises(Exception, match=r"403|Forbidden|InvalidAccessKeyId"):
        DeltaTable(
            uri, storage_options=aws.environment() | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        )


def test_a_lambda_signs_with_the_secret_too(aws: EmbeddedAws, key: str) -> None:
    del aws
    bucket = key.split("/")[1]
    function = made(
        "import boto3\ndef handler(event, context):\n    return boto3.client('s3').get_object(**event)['ContentLength']"
    )

    answer = boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"Bucket": bucket, "Key": "key"}))

    assert json.loads(answer["Payload"].read()) == len("theirs")
