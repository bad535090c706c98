import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client
from mypy_boto3_s3.type_defs import CompletedMultipartUploadTypeDef

from lakehouse_assets.embedded_aws.process import embedded_aws
from lakehouse_assets.embedded_aws.s3.unfinished_writes import link_or_copy
from lakehouse_assets_tests.embedded_aws.clients import client
from lakehouse_assets_tests.embedded_aws.s3.test_objects import put, versions

BUCKET = "lakehouse"


@contextmanager
def s3_of(home: Path) -> Iterator[S3Client]:
    """An embedded AWS of its own; its client asks once."""
    with embedded_aws(home) as aws:
        yield client("s3", aws, config=Config(retries={"total_max_attempts": 1}))


def make_bucket(s3: S3Client) -> None:
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})


def body_of(s3: S3Client, key: str, version: str | None = None) -> bytes:
    found = (
        s3.get_object(Bucket=BUCKET, Key=key, VersionId=version) if version else s3.get_object(Bucket=BUCKET, Key=key)
    )
    return found["Body"].read()


def files(home: Path) -> Path:
    return home / "aws" / "s3" / "000000000000" / BUCKET


def create(s3: S3Client, key: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"new", IfNoneMatch="*")


def overwrite(s3: S3Client, key: str) -> None:
    put(s3, BUCKET, key, b"new")


def copy(s3: S3Client, key: str) -> None:
    s3.copy_object(Bucket=BUCKET, Key=key, CopySource={"Bucket": BUCKET, "Key": "source"})


def complete(s3: S3Client, key: str) -> None:
    """Completes an upload in parts; the one that was begun, where one was."""
    if not (begun := s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])):
        upload_id = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload_id, PartNumber=1, Body=b"new")
    else:
        upload_id = begun[0]["UploadId"]
    (part,) = s3.list_parts(Bucket=BUCKET, Key=key, UploadId=upload_id)["Parts"]
    parts: CompletedMultipartUploadTypeDef = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload_id, MultipartUpload=parts)


def delete(s3: S3Client, key: str) -> None:
    s3.delete_object(Bucket=BUCKET, Key=key)


def delete_many(s3: S3Client, key: str) -> None:
    s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key}]})


@pytest.mark.parametrize(
    "refused", [".tmp", ".meta.json.tmp", ".meta.json"], ids=["bytes", "sidecar", "sidecars-place"]
)
def test_what_the_disk_refuses_never_was(refused: str, tmp_path: Path) -> None:
    """(A folder stands where the file is to be written: what a full disk is to a test.)"""
    creating: tuple[Callable[[S3Client, str], None], ...] = (create, copy, complete)
    changing = (
        (overwrite, copy, complete, *((delete, delete_many) if refused == ".meta.json.tmp" else ()))
        if refused != ".meta.json"
        else ()
    )
    former: dict[str, str] = {}

    def nothing_has_changed(s3: S3Client) -> None:
        found, markers = versions(s3, BUCKET, "table/")
        assert (sorted(found), markers) == (sorted(former.items()), [])
        assert sorted(
            each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET, Prefix="table/").get("Contents", [])
        ) == sorted(former)
        for key, version in former.items():
            assert body_of(s3, key) == body_of(s3, key, version) == b"old"

    with s3_of(tmp_path) as s3:
        make_bucket(s3)
        put(s3, BUCKET, "source", b"new")
        for write in changing:
            former[f"table/{write.__name__}"] = put(s3, BUCKET, f"table/{write.__name__}", b"old")
        for key, write in [(f"table/new {write.__name__}", write) for write in creating] + [
            (f"table/{write.__name__}", write) for write in changing
        ]:
            (files(tmp_path) / f"{key}{refused}").mkdir(parents=True)
            with pytest.raises(ClientError, match=r"InternalError.*The embedded AWS could not write to its disk"):
                write(s3, key)
            (files(tmp_path) / f"{key}{refused}").rmdir()
            nothing_has_changed(s3)
            if write is complete:
                (upload,) = s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
                s3.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload["UploadId"])
    with s3_of(tmp_path) as s3:
        nothing_has_changed(s3)
        for write in creating:
            write(s3, f"table/new {write.__name__}")
            assert body_of(s3, f"table/new {write.__name__}") == b"new"
        for write in (overwrite, delete):
            write(s3, f"table/{write.__name__}")
    assert list(files(tmp_path).rglob("*.tmp")) == []


def test_an_upload_in_parts_that_the_disk_refused_can_be_completed_later(tmp_path: Path) -> None:
    with s3_of(tmp_path) as s3:
        make_bucket(s3)
        (files(tmp_path) / "large.tmp").mkdir(parents=True)
        with pytest.raises(ClientError, match="InternalError"):
            complete(s3, "large")
        (files(tmp_path) / "large.tmp").rmdir()

        complete(s3, "large")

        assert body_of(s3, "large") == b"new"


def test_a_server_killed_between_the_files_of_an_object_leaves_it_as_it_was_or_as_it_is_to_be(tmp_path: Path) -> None:
    with s3_of(tmp_path) as s3:
        make_bucket(s3)
        for key in ("lease", "longer", "new", "begun", "cut"):
            put(s3, BUCKET, key, b"first")
        before = {key: (files(tmp_path) / f"{key}.meta.json").read_bytes() for key in ("lease", "longer", "new")}
        for key, body in {"lease": b"other", "longer": b"second", "new": b"second", "only": b"x"}.items():
            put(s3, BUCKET, key, body)
    folder = files(tmp_path)
    # The bytes are in place, what is said of them is that of before: as the embedded AWS wrote until now. One of them
    # is as long as it was.
    for key in ("lease", "longer"):
        (folder / f"{key}.meta.json").write_bytes(before[key])
    # The bytes are in place, what is said of them is ready: the write is finished.
    (folder / "new.meta.json").rename(folder / "new.meta.json.tmp")
    (folder / "new.meta.json").write_bytes(before["new"])
    # Both are ready, or the one is cut short: the write never began.
    (folder / "begun.tmp").write_bytes(b"second")
    (folder / "begun.meta.json.tmp").write_bytes(before["new"])
    (folder / "cut.meta.json.tmp").write_text("{")
    # A power cut: there is nothing that it could be put back to.
    (folder / "only.meta.json").write_text("")

    with s3_of(tmp_path) as s3:
        found = {key: body_of(s3, key) for key in ("lease", "longer", "new", "begun", "cut", "only")}
        assert found == {
            "lease": b"first",
            "longer": b"first",
            "new": b"second",
            "begun": b"first",
            "cut": b"first",
            "only": b"x",
        }
        overwrite(s3, "lease")
        assert body_of(s3, "lease") == b"new"
    assert list(folder.rglob("*.tmp")) == []


def test_a_deleted_version_that_came_back_is_not_taken_for_a_write_that_was_cut_short(tmp_path: Path) -> None:
    with s3_of(tmp_path) as s3:
        make_bucket(s3)
        first = put(s3, BUCKET, "key", b"first")
        s3.delete_object(Bucket=BUCKET, Key="key", VersionId=s3.delete_object(Bucket=BUCKET, Key="key")["VersionId"])
    with s3_of(tmp_path) as s3:
        assert (body_of(s3, "key"), body_of(s3, "key", first)) == (b"first", b"first")
        assert versions(s3, BUCKET, "key") == ([("key", first)], [])


def test_where_a_disk_has_no_hard_links_a_copy_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """(No disk here is without: what link(2) says of one is made up.)"""
    (tmp_path / "a").write_bytes(b"first")

    def refuse(reason: int) -> None:
        def link(file: Path, other: Path) -> None:
            raise OSError(reason, os.strerror(reason))

        monkeypatch.setattr(os, "link", link)

    refuse(errno.EPERM)
    link_or_copy(tmp_path / "a", tmp_path / "b")
    (tmp_path / "a").write_bytes(b"other")
    assert (tmp_path / "b").read_bytes() == b"first"
    refuse(errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        link_or_copy(tmp_path / "a", tmp_path / "c")
