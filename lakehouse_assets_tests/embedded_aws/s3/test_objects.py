import io
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

MEBIBYTE = 1 << 20


def put(s3: S3Client, bucket: str, key: str, body: bytes) -> str:
    """Puts an object. Returns its version id."""
    return s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"]


def versions(
    s3: S3Client, bucket: str, prefix: str, page_size: int = 1000
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The versions and the delete markers under a prefix, as (key, version id), read in pages of this size."""
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": page_size}
    )
    found, markers = [], []
    for page in pages:
        found += [(version["Key"], version["VersionId"]) for version in page.get("Versions", [])]
        markers += [(marker["Key"], marker["VersionId"]) for marker in page.get("DeleteMarkers", [])]
    return found, markers


def resident_bytes(status: Path) -> int:
    """The resident memory of a process, from /proc."""
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


def test_a_large_version_is_downloaded_in_parts(s3: S3Client, bucket: str) -> None:
    first, second = os.urandom(10 * MEBIBYTE + 7), os.urandom(9 * MEBIBYTE)
    version = put(s3, bucket, "large", first)
    put(s3, bucket, "large", second)
    in_parts = TransferConfig(multipart_threshold=MEBIBYTE, multipart_chunksize=MEBIBYTE)

    old, current = io.BytesIO(), io.BytesIO()
    s3.download_fileobj(bucket, "large", old, ExtraArgs={"VersionId": version}, Config=in_parts)
    s3.download_fileobj(bucket, "large", current, Config=in_parts)

    assert old.getvalue() == first
    assert current.getvalue() == second


@pytest.mark.parametrize(
    ("asked", "status", "answered"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=4-", 206, b"456789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=8-99", 206, b"89"),
        ("bytes=10-", 416, b""),
    ],
)
def test_a_range_of_a_version_is_that_range(
    s3: S3Client, bucket: str, asked: str, status: int, answered: bytes
) -> None:
    version = put(s3, bucket, "digits", b"0123456789")
    put(s3, bucket, "digits", b"something else, and longer")
    if status == 416:
        with pytest.raises(ClientError) as refused:
            s3.get_object(Bucket=bucket, Key="digits", VersionId=version, Range=asked)
        assert refused.value.response["Error"]["Code"] == "InvalidRange"
        return

    piece = s3.get_object(Bucket=bucket, Key="digits", VersionId=version, Range=asked)

    assert piece["ResponseMetadata"]["HTTPStatusCode"] == status
    assert piece["Body"].read() == answered
    assert piece["ContentRange"].endswith("/10")


def test_every_version_stays_until_it_is_deleted(s3: S3Client, bucket: str) -> None:
    first, second, third = (put(s3, bucket, "key", body) for body in (b"first", b"second", b"third"))

    s3.delete_object(Bucket=bucket, Key="key", VersionId=second)

    found, _ = versions(s3, bucket, "key")
    assert found == [("key", third), ("key", first)]
    assert s3.get_object(Bucket=bucket, Key="key", VersionId=first)["Body"].read() == b"first"
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchVersion"):
        s3.get_object(Bucket=bucket, Key="key", VersionId=second)


def test_an_older_version_comes_back_when_the_latest_is_deleted(s3: S3Client, bucket: str) -> None:
    put(s3, bucket, "key", b"first")
    second = put(s3, bucket, "key", b"second")

    s3.delete_object(Bucket=bucket, Key="key", VersionId=second)

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"first"


def test_a_deleted_object_is_hidden_by_a_marker_that_can_be_deleted(s3: S3Client, bucket: str) -> None:
    version = put(s3, bucket, "key", b"content")
    marker = s3.delete_object(Bucket=bucket, Key="key")["VersionId"]

    assert versions(s3, bucket, "key") == ([("key", version)], [("key", marker)])
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="key")
    assert s3.get_object(Bucket=bucket, Key="key", VersionId=version)["Body"].read() == b"content"

    s3.delete_object(Bucket=bucket, Key="key", VersionId=marker)

    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"content"


def test_versions_are_listed_in_pages(s3: S3Client, bucket: str) -> None:
    expected = [
        (f"raw/{key}", put(s3, bucket, f"raw/{key}", str(number).encode())) for key in "abc" for number in range(3)
    ]
    put(s3, bucket, "other", b"")
    marker = s3.delete_object(Bucket=bucket, Key="raw/b")["VersionId"]

    found, markers = versions(s3, bucket, "raw/", page_size=2)

    assert sorted(found) == sorted(expected)
    assert markers == [("raw/b", marker)]


def test_a_version_can_be_copied(s3: S3Client, bucket: str) -> None:
    version = put(s3, bucket, "key", b"first")
    put(s3, bucket, "key", b"second")
    s3.delete_object(Bucket=bucket, Key="key")

    s3.copy_object(Bucket=bucket, Key="archived/key", CopySource={"Bucket": bucket, "Key": "key", "VersionId": version})

    assert s3.get_object(Bucket=bucket, Key="archived/key")["Body"].read() == b"first"


def test_only_one_of_many_creates_an_object(s3: S3Client, bucket: str) -> None:
    ready = threading.Barrier(16)

    def create(number: int) -> int | str:
        ready.wait()
        try:
            s3.put_object(Bucket=bucket, Key="lease", Body=str(number).encode(), IfNoneMatch="*")
        except ClientError as error:
            return error.response["Error"]["Code"]
        return number

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(create, range(16)))

    winners = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert len(winners) == 1
    assert outcomes.count("PreconditionFailed") == 15
    assert s3.get_object(Bucket=bucket, Key="lease")["Body"].read() == str(winners[0]).encode()


def test_an_object_can_be_created_again_after_it_was_deleted(s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="lease", Body=b"first", IfNoneMatch="*")
    s3.delete_object(Bucket=bucket, Key="lease")

    s3.put_object(Bucket=bucket, Key="lease", Body=b"second", IfNoneMatch="*")

    assert s3.get_object(Bucket=bucket, Key="lease")["Body"].read() == b"second"


@pytest.mark.parametrize(
    "key",
    [
        "with space",
        "a+b",
        "100%",
        "%2F",
        "ü/ö.csv",
        "a&b=c?d#e;f",
        "line\nbreak",
        "'\"",
        ".hidden",
        "_under",
        "a//b",
        "a/../b",
        "x" * 900,
    ],
)
def test_any_key_is_kept_as_it_is(s3: S3Client, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), Metadata={"batch": "b1"})

    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert [found["Key"] for found in listed] == [key]
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    head = s3.head_object(Bucket=bucket, Key=key)
    assert head["Metadata"] == {"batch": "b1"}
    assert head["ETag"] == listed[0]["ETag"]
    s3.copy_object(Bucket=bucket, Key=f"archived/{key}", CopySource={"Bucket": bucket, "Key": key})
    s3.delete_object(Bucket=bucket, Key=key)
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [f"archived/{key}"]


def test_an_object_that_cannot_be_written_is_an_error(home: Path, bucket: str, s3: S3Client) -> None:
    hurried = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
    folder = home / "aws" / "s3" / "000000000000" / bucket
    # A folder in place of the file makes the write fail, as a full disk does.
    (folder / "key.tmp").mkdir()

    with pytest.raises(ClientError) as refused:
        hurried.put_object(Bucket=bucket, Key="key", Body=b"content")

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


def test_an_object_whose_file_is_gone_is_an_error(home: Path, bucket: str, s3: S3Client) -> None:
    hurried = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
    put(s3, bucket, "key", b"content")
    (home / "aws" / "s3" / "000000000000" / bucket / "key").unlink()

    with pytest.raises(ClientError) as refused:
        hurried.get_object(Bucket=bucket, Key="key")

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


def test_objects_do_not_stay_in_memory(home: Path, bucket: str, s3: S3Client) -> None:
    status = Path("/proc") / str(json.loads((home / "aws" / "server.json").read_text())["pid"]) / "status"
    if not status.exists():
        pytest.skip("the memory of another process is read from /proc")
    body = os.urandom(16 * MEBIBYTE)
    put(s3, bucket, "large", body)
    before = resident_bytes(status)

    for _ in range(8):
        put(s3, bucket, "large", body)

    assert resident_bytes(status) - before < 64 * MEBIBYTE
