"""The bucket, as landing needs it: versions that wait, exact reads, conditional writes, verified moves.

Every read and every delete names one version, so an object overwritten meanwhile is neither read by mistake nor deleted with the old one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from lakehouse_assets.errors import BadData
from lakehouse_assets.landing.model import FileVersion

THREADS = 12
ABSENT = {"404", "NoSuchKey", "NotFound", "NoSuchVersion"}
T = TypeVar("T")
R = TypeVar("R")


class Store:
    """One bucket through one S3 client."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self.s3, self.bucket = s3, bucket

    def get_json(self, key: str) -> Any | None:
        try:
            return json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        except ClientError as error:
            return _none_if_absent(error)

    def put_json(self, key: str, value: Any) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=_encoded(value), ContentType="application/json")

    def create_json(self, key: str, value: Any) -> bool:
        """A conditional write: True if this call created the object, False if it was there already."""
        return self.create(key, _encoded(value), {})

    def create(self, key: str, body: Any, metadata: dict[str, str]) -> bool:
        try:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*", Metadata=metadata)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("PreconditionFailed", "412", "ConditionalRequestConflict"):
                return False
            raise
        return True

    def keys(self, prefix: str) -> Iterator[str]:
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            yield from (item["Key"] for item in page.get("Contents", []))

    def waiting(self, prefix: str) -> list[FileVersion]:
        """Every version under a prefix that nobody deleted: an object overwritten before it was read waits in both versions; deleting it withdraws what came before."""
        versions: dict[str, list[dict[str, Any]]] = defaultdict(list)
        withdrawn: dict[str, datetime] = {}
        deleted: set[str] = set()
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix):
            for item in page.get("Versions", []):
                versions[item["Key"]].append(item)
            for marker in page.get("DeleteMarkers", []):
                withdrawn[marker["Key"]] = max(marker["LastModified"], withdrawn.get(marker["Key"], marker["LastModified"]))
                deleted |= {marker["Key"]} if marker["IsLatest"] else set()
        return [
            FileVersion(self.bucket, key, item.get("VersionId", "null"), item["ETag"].strip('"'), item["Size"], item["LastModified"])
            for key, items in sorted(versions.items())
            if key not in deleted and not key.endswith("/")
            for item in reversed(items)
            if key not in withdrawn or item["IsLatest"] or item["LastModified"] > withdrawn[key]
        ]

    def exists(self, key: str) -> bool:
        return self.head(key) is not None

    def head(self, key: str) -> dict[str, Any] | None:
        try:
            return dict(self.s3.head_object(Bucket=self.bucket, Key=key))
        except ClientError as error:
            return _none_if_absent(error)

    def metadata(self, version: FileVersion) -> dict[str, str]:
        return dict(self.s3.head_object(Bucket=self.bucket, Key=version.key, **_exactly(version))["Metadata"])

    def download(self, version: FileVersion, path: Path) -> None:
        """Writes exactly this version to a path; a download cut short leaves nothing behind under that name."""
        partial = path.with_name(path.name + ".partial")
        try:
            body = self.s3.get_object(Bucket=self.bucket, Key=version.key, **_exactly(version))["Body"]
        except ClientError as error:
            if _none_if_absent(error) is None:
                raise BadData(
                    f"s3://{self.bucket}/{version.key} (version {version.version}) was deleted after its batch was frozen. Restore that version, then run again."
                ) from error
        with partial.open("wb") as out:
            for block in body.iter_chunks(1024 * 1024):
                out.write(block)
        partial.rename(path)

    def upload(self, path: Path, key: str) -> None:
        self.s3.upload_file(str(path), self.bucket, key)

    def move(self, version: FileVersion, target: str) -> None:
        """Copies a version, verifies the copy, deletes exactly that version. Re-runnable: once the version is gone, the copy must be there."""
        source = {"Bucket": self.bucket, "Key": version.key} | ({"VersionId": version.version} if version.version != "null" else {})
        try:
            self.s3.copy(source, self.bucket, target)
        except ClientError as error:
            _none_if_absent(error)
            if not self.exists(target):
                raise BadData(
                    f"{version.key} (version {version.version}) is gone, and there is no copy of it at {target}. Restore it, then run again."
                ) from error
            return
        copied = self.head(target)
        if copied is None or copied["ContentLength"] != version.size:
            raise BadData(f"The copy of {version.key} at {target} has not the {version.size} bytes of the original; nothing was deleted. Run the batch again.")
        condition = {"VersionId": version.version} if version.version != "null" else {"IfMatch": version.etag}
        self.s3.delete_object(Bucket=self.bucket, Key=version.key, **condition)


def in_parallel(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """The results in order; the first failure is raised. For small requests to S3, which are all waiting."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(function, items))


def _exactly(version: FileVersion) -> dict[str, str]:
    return {"VersionId": version.version} if version.version != "null" else {"IfMatch": version.etag}


def _none_if_absent(error: ClientError) -> None:
    if error.response["Error"]["Code"] not in ABSENT:
        raise error


def _encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str).encode()
