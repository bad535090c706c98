"""The bucket: pending versions, reads of exact versions, conditional writes, verified moves.

Every read and every delete names one version. So an object that is overwritten in the meantime is neither read by
mistake nor deleted with the old version.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from lakehouse_assets.aws.client import CONFLICT
from lakehouse_assets.errors import BadData, LakehouseError
from lakehouse_assets.landing.model import FileVersion
from lakehouse_assets.parallel import in_parallel

KEY_BYTES, METADATA_BYTES = 1024, 2048
"""The limits of S3 for an object, in UTF-8: its key; its metadata, names and values together."""
ABSENT = {"404", "NoSuchKey", "NotFound", "NoSuchVersion"}
REFUSED = {"412", "PreconditionFailed"}
"""A conditional write whose condition was not met."""
PAUSES = (0.05, 0.1, 0.2, 0.4)
"""Seconds before each retry of a conditional write that conflicted with another one."""
GONE = ABSENT | {"412", "PreconditionFailed"}
"""A version that no longer exists. In a bucket without versions it may have been overwritten: then its ETag no longer
matches.
"""


@dataclass(frozen=True)
class JsonVersion:
    """An object's content with its ETag, and how long ago it was written by S3's own clock."""

    value: Any
    etag: str
    age_seconds: float


class GoneError(BadData):
    """Neither a version nor its copy exists."""


class Store:
    """One bucket through one S3 client."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self.s3, self.bucket = s3, bucket

    def get_json(self, key: str) -> Any | None:
        try:
            return json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        except ClientError as error:
            return _none_if_absent(error)

    def get_json_version(self, key: str) -> JsonVersion | None:
        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            return _none_if_absent(error)
        now = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        return JsonVersion(
            json.loads(answer["Body"].read()), answer["ETag"], (now - answer["LastModified"]).total_seconds()
        )

    def replace_json(self, key: str, value: Any, etag: str | None) -> str | None:
        """A conditional write that replaces the content with this ETag (None: the object must not exist). Returns the
        new ETag; None if the condition was not met.
        """
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        try:
            return str(self._put_if(key, _encoded(value), ContentType="application/json", **condition)["ETag"])
        except ClientError as error:
            return _none_if_absent(error, GONE | REFUSED)

    def put_json(self, key: str, value: Any) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=_encoded(value), ContentType="application/json")

    def create_json(self, key: str, value: Any) -> bool:
        """A conditional write. True if this call created the object, False if it existed already."""
        return self.create(key, _encoded(value), {})

    def create(self, key: str, body: Any, metadata: dict[str, str]) -> bool:
        try:
            self._put_if(key, body, IfNoneMatch="*", Metadata=metadata)
        except ClientError as error:
            _none_if_absent(error, REFUSED)
            return False
        return True

    def _put_if(self, key: str, body: Any, **options: Any) -> dict[str, Any]:
        """A conditional write, retried while S3 answers that another write is in progress (409)."""
        for pause in PAUSES:
            try:
                return dict(self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **options))
            except ClientError as error:
                if error.response["Error"]["Code"] != CONFLICT:
                    raise
            time.sleep(pause)
            if hasattr(body, "seek"):
                body.seek(0)
        return dict(self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **options))

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """The keys with this prefix, in order. `after`: only those after this key."""
        for page in self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, StartAfter=after
        ):
            yield from (item["Key"] for item in page.get("Contents", []))

    def waiting(self, prefix: str) -> list[FileVersion]:
        """Every pending version, by key and from the oldest. If an object was overwritten before it was read, both
        versions are pending. Deleting an object withdraws all its earlier versions.

        Empty objects whose key ends with `/` are left out: S3's console shows them as folders.
        """
        versions: dict[str, list[dict[str, Any]]] = defaultdict(list)
        withdrawn: dict[str, dict[str, Any]] = {}
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix):
            for item in page.get("Versions", []):
                versions[item["Key"]].append(item)
            for marker in page.get("DeleteMarkers", []):
                withdrawn.setdefault(marker["Key"], marker)
        put_again = [
            marker for key, marker in withdrawn.items() if not marker["IsLatest"] and len(versions.get(key, [])) > 1
        ]
        older = {version for found in in_parallel(self._older_than, put_again) for version in found}
        return [
            version
            for key, items in sorted(versions.items())
            if key not in withdrawn or not withdrawn[key]["IsLatest"]
            for version in self._oldest_first([item for item in items if (key, item["VersionId"]) not in older])
            if version.size or not key.endswith("/")
        ]

    def _older_than(self, marker: dict[str, Any]) -> list[tuple[str, str]]:
        """Key and id of the versions that a delete marker withdrew: those that a listing has after the marker.

        Times cannot decide it: they are whole seconds, and a multipart upload has the time of its start. Nor can a
        normal listing, because boto3 returns versions and delete markers as two lists.
        """
        key, behind = marker["Key"], {"KeyMarker": marker["Key"], "VersionIdMarker": marker["VersionId"]}
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=key, **behind)
        listed = (item for page in pages for item in page.get("Versions", []))
        return [(key, item["VersionId"]) for item in takewhile(lambda item: item["Key"] == key, listed)]

    def _oldest_first(self, newest_first: list[dict[str, Any]]) -> Iterator[FileVersion]:
        """The versions of one key. S3's times are whole seconds. If two are equal, the newer version gets a later time,
        because its rows must win.
        """
        before = None
        for item in reversed(newest_first):
            modified = (
                item["LastModified"]
                if before is None
                else max(item["LastModified"], before + timedelta(microseconds=1))
            )
            yield FileVersion(
                self.bucket, item["Key"], item.get("VersionId", "null"), item["ETag"].strip('"'), item["Size"], modified
            )
            before = modified

    def delete_all(self, prefix: str) -> None:
        in_parallel(lambda key: self.s3.delete_object(Bucket=self.bucket, Key=key), list(self.keys(prefix)))

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def exists(self, key: str) -> bool:
        return self.head(key) is not None

    def head(self, key: str) -> dict[str, Any] | None:
        try:
            return dict(self.s3.head_object(Bucket=self.bucket, Key=key))
        except ClientError as error:
            return _none_if_absent(error)

    def metadata(self, version: FileVersion) -> dict[str, str]:
        with self._there(version):
            return dict(self.s3.head_object(Bucket=self.bucket, Key=version.key, **_exactly(version))["Metadata"])

    def download(self, version: FileVersion, path: Path) -> None:
        """Writes exactly this version to a path. Neither an interrupted download nor two at once leave a partial file
        under that name. Raises BadData if the version no longer exists.
        """
        with self._there(version):
            body = self.s3.get_object(Bucket=self.bucket, Key=version.key, **_exactly(version))["Body"]
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".partial", delete=False) as partial:
            for block in body.iter_chunks(1024 * 1024):
                partial.write(block)
        Path(partial.name).rename(path)

    @contextmanager
    def _there(self, version: FileVersion) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            _none_if_absent(error, GONE)
            raise BadData(
                f"s3://{self.bucket}/{version.key} (version {version.version_id}) was deleted or overwritten before it"
                " was read. Restore it, then run again."
            ) from error

    def upload(self, path: Path, key: str, metadata: dict[str, str] | None = None) -> str | None:
        """Uploads a file as it is now. (All parts are read through one file handle. boto3 would open a named file again
        for each part, and the file may have been replaced.)

        Returns the version's id ("null" in a bucket without versions), or None if the object was deleted at once.
        Raises OSError if the file cannot be read, and LakehouseError if it was changed during the upload; then the
        uploaded version is deleted.
        """
        with path.open("rb") as body:
            before = os.fstat(body.fileno())
            self.s3.upload_fileobj(body, self.bucket, key, ExtraArgs={"Metadata": metadata or {}})
        now = path.stat() if path.exists() else before
        written = self.head(key)
        if os.path.samestat(before, now) and (before.st_size, before.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
            if written is not None:
                self.s3.delete_object(
                    Bucket=self.bucket,
                    Key=key,
                    **({"VersionId": written["VersionId"]} if "VersionId" in written else {}),
                )
            raise LakehouseError(
                f"{path} was changed while it was uploaded, so its upload was deleted. Run the command again when the"
                " file is complete."
            )
        return None if written is None else str(written.get("VersionId", "null"))

    def move(self, version: FileVersion, target: str) -> None:
        """Copies a version, verifies the copy and deletes exactly that version. Safe to run again: if the version no
        longer exists, the copy must. Raises as `copy` does.
        """
        if self.copy(version, target):
            try:
                self.s3.delete_object(Bucket=self.bucket, Key=version.key, **_exactly(version))
            except ClientError as error:
                _none_if_absent(error, GONE)

    def copy(self, version: FileVersion, target: str) -> bool:
        """Copies a version inside S3 and verifies the copy. False if the version no longer exists but its copy does.

        Raises GoneError if neither exists, and BadData if the copy has another size.
        """
        exactly = _exactly(version)
        source = {"Bucket": self.bucket, "Key": version.key} | ({} if "IfMatch" in exactly else exactly)
        condition = {"CopySourceIfMatch": exactly["IfMatch"]} if "IfMatch" in exactly else {}
        # By default S3 also copies an object's annotations, and refuses the copy if the caller may not read and write
        # them (CopyObject). Above 8 MB boto3 copies in parts, and by default without the tags.
        how = condition | {"AnnotationDirective": "EXCLUDE", "TaggingDirective": "COPY"}
        try:
            self.s3.copy(source, self.bucket, target, ExtraArgs=how)
        except ClientError as error:
            _none_if_absent(error, GONE)
            if not self.exists(target):
                raise GoneError(
                    f"{version.key} (version {version.version_id}) was deleted or overwritten, and there is no copy of"
                    f" it at {target}. Restore it, then run again."
                ) from error
            return False
        copied = self.head(target)
        if copied is None or copied["ContentLength"] != version.size:
            raise BadData(
                f"The copy of {version.key} at {target} does not have the {version.size} bytes of the original;"
                " nothing was deleted. Run the batch again."
            )
        return True


def _exactly(version: FileVersion) -> dict[str, str]:
    """The condition for a request about exactly this version. The quotes are part of an ETag (RFC 9110, 8.8.3): S3
    accepts it without them, other servers do not.
    """
    return {"VersionId": version.version_id} if version.version_id != "null" else {"IfMatch": f'"{version.etag}"'}


def _none_if_absent(error: ClientError, absent: Set[str] = ABSENT) -> None:
    if error.response["Error"]["Code"] not in absent:
        raise error


def _encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str).encode()
