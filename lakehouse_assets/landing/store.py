"""The bucket, as landing needs it: versions that wait, exact reads, conditional writes, verified moves.

Every read and every delete names one version, so an object overwritten meanwhile is neither read by mistake nor deleted
with the old one.
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
"""What S3 takes, in UTF-8: an object's key; its metadata, names and values together."""
ABSENT = {"404", "NoSuchKey", "NotFound", "NoSuchVersion"}
REFUSED = {"412", "PreconditionFailed"}
"""A conditional write found something else than its condition."""
PAUSES = (0.05, 0.1, 0.2, 0.4)
"""Seconds before a conditional write is tried again that met another one."""
GONE = ABSENT | {"412", "PreconditionFailed"}
"""A version that is there no more. In a bucket without versions it may have been overwritten: its ETag no longer
matches.
"""


@dataclass(frozen=True)
class JsonVersion:
    """An object's content with its ETag, and how long ago it was written by S3's own clock."""

    value: Any
    etag: str
    age_seconds: float


class GoneError(BadData):
    """A version is there no more, and no copy of it."""


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
        """A conditional write over the content of an ETag (None: over nothing). The new ETag; None where something else
        was there.
        """
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        try:
            return str(self._put_if(key, _encoded(value), ContentType="application/json", **condition)["ETag"])
        except ClientError as error:
            return _none_if_absent(error, GONE | REFUSED)

    def put_json(self, key: str, value: Any) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=_encoded(value), ContentType="application/json")

    def create_json(self, key: str, value: Any) -> bool:
        """A conditional write: True if this call created the object, False if it was there already."""
        return self.create(key, _encoded(value), {})

    def create(self, key: str, body: Any, metadata: dict[str, str]) -> bool:
        try:
            self._put_if(key, body, IfNoneMatch="*", Metadata=metadata)
        except ClientError as error:
            _none_if_absent(error, REFUSED)
            return False
        return True

    def _put_if(self, key: str, body: Any, **told: Any) -> dict[str, Any]:
        """A write on a condition, tried again while S3 answers that another write is under way (409)."""
        for pause in PAUSES:
            try:
                return dict(self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **told))
            except ClientError as error:
                if error.response["Error"]["Code"] != CONFLICT:
                    raise
            time.sleep(pause)
            if hasattr(body, "seek"):
                body.seek(0)
        return dict(self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **told))

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """In order; `after`: those behind this key only."""
        for page in self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, StartAfter=after
        ):
            yield from (item["Key"] for item in page.get("Contents", []))

    def waiting(self, prefix: str) -> list[FileVersion]:
        """Every version that nobody deleted: an object overwritten before it was read waits in both versions; deleting
        withdraws what came before.

        Not the empty objects that stand for a folder in S3's console; one of such a name that has content is a file.
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
        """Key and id of the versions that a delete marker withdrew: what a listing has that goes on behind it.

        Their times do not tell: they are whole seconds, and an upload in parts has that of its start. boto3 hands out
        versions and delete markers as two lists.
        """
        key, behind = marker["Key"], {"KeyMarker": marker["Key"], "VersionIdMarker": marker["VersionId"]}
        pages = self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=key, **behind)
        listed = (item for page in pages for item in page.get("Versions", []))
        return [(key, item["VersionId"]) for item in takewhile(lambda item: item["Key"] == key, listed)]

    def _oldest_first(self, newest_first: list[dict[str, Any]]) -> Iterator[FileVersion]:
        """The versions of one key. S3's times are whole seconds; where two are equal the newer version's is moved on,
        because the later one must win.
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
        """Writes exactly this version to a path; a download cut short, or two at once, leave nothing half done under
        that name.
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
        """Puts a file there as it is now. (By one handle: by its name each part of a large file would be read from what
        has that name then.)

        Returns the version's id ("null" in a bucket without versions), None where it was taken away at once. Raises
        OSError where the file cannot be read, LakehouseError where it was changed meanwhile; then nothing of it waits.
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
                f"{path} was changed while it was uploaded, so nothing of it waits. Run it again when it is written to"
                " its end."
            )
        return None if written is None else str(written.get("VersionId", "null"))

    def move(self, version: FileVersion, target: str) -> None:
        """Copies a version, verifies the copy, deletes exactly that version. Re-runnable: once the version is gone, the
        copy must be there.
        """
        if self.copy(version, target):
            try:
                self.s3.delete_object(Bucket=self.bucket, Key=version.key, **_exactly(version))
            except ClientError as error:
                _none_if_absent(error, GONE)

    def copy(self, version: FileVersion, target: str) -> bool:
        """Copies a version inside S3 and verifies the copy. False where the version is gone but a copy of it is there;
        raises GoneError where neither is.
        """
        exactly = _exactly(version)
        source = {"Bucket": self.bucket, "Key": version.key} | ({} if "IfMatch" in exactly else exactly)
        condition = {"CopySourceIfMatch": exactly["IfMatch"]} if "IfMatch" in exactly else {}
        # Unless it is told not to, S3 copies an object's annotations, too, and refuses that to whoever may not read and
        # write them (CopyObject). Past 8 MB boto3 copies in parts, and then copies no tags unless it is told to.
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
                f"The copy of {version.key} at {target} has not the {version.size} bytes of the original; nothing was"
                " deleted. Run the batch again."
            )
        return True


def _exactly(version: FileVersion) -> dict[str, str]:
    """The quotes are part of an ETag (RFC 9110, 8.8.3): S3 does without, others do not."""
    return {"VersionId": version.version_id} if version.version_id != "null" else {"IfMatch": f'"{version.etag}"'}


def _none_if_absent(error: ClientError, absent: Set[str] = ABSENT) -> None:
    if error.response["Error"]["Code"] not in absent:
        raise error


def _encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1, default=str).encode()
