"""Gap: in ministack an object or delete marker whose write to disk fails is still visible, in memory, until the server
stops.

A client that retries then finds its own object: a conditional create ("only if there is none") fails with "there is
one", a Delta Lake commit counts as done, and its rows vanish when the server stops. Here a write that fails on disk is
undone in memory, too: the client gets InternalError, and the old object stays visible.

- The two files of an object (`unfinished_writes`) are written completely before the first is renamed into place.
- ministack copies a version that is overwritten or deleted. Here it is a hard link, if the file system has them:
  ministack replaces files and never writes into one.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ministack.core.responses import get_account_id  # type: ignore[import-untyped]
from ministack.services import s3  # type: ignore[import-untyped]

from lakehouse_assets.embedded_aws.patching import Response, replace, wrap
from lakehouse_assets.embedded_aws.s3.unfinished_writes import READY, SIDECAR, link_or_copy

FORMER = ".former" + READY

Original = Callable[..., Any]


def fill() -> None:
    """Makes S3 write an object completely or not at all."""
    wrap(s3, "_dispatch", _dispatch)
    wrap(s3, "_put_object", _whole_or_not_at_all)
    wrap(s3, "_copy_object", _whole_or_not_at_all)
    wrap(s3, "_record_delete_marker", _whole_or_not_at_all)
    wrap(s3, "_complete_multipart_upload", _complete_multipart_upload)
    wrap(s3, "_delete_object_version", _delete_object_version)
    wrap(s3, "_persist_displaced_version", _persist_displaced_version)
    replace(s3, "_persist_object", _persist_object)
    replace(s3, "_persist_delete_marker", _persist_delete_marker)


def _dispatch(original: Original, method: str, bucket: str, key: str, *rest: Any) -> Response:
    try:
        answer: Response = original(method, bucket, key, *rest)
    except OSError as error:
        s3.logger.exception("%s s3://%s/%s failed", method, bucket, key)
        answer = s3._error(
            "InternalError", f"The embedded AWS could not write to its disk: {error}", 500, f"/{bucket}/{key}"
        )
    return answer


def _whole_or_not_at_all(original: Original, bucket_name: str, key: str, *rest: Any) -> Any:
    with _undone_on_failure(bucket_name, key):
        return original(bucket_name, key, *rest)


def _delete_object_version(
    original: Original, bucket: dict[str, Any], bucket_name: str, key: str, version_id: str
) -> Any:
    with _undone_on_failure(bucket_name, key):
        return original(bucket, bucket_name, key, version_id)


def _complete_multipart_upload(
    original: Original, bucket_name: str, key: str, body: bytes, query: dict[str, Any], *rest: Any
) -> Any:
    upload_id = s3._qp(query, "uploadId")
    upload = s3._multipart_uploads.get(upload_id)
    try:
        return _whole_or_not_at_all(original, bucket_name, key, body, query, *rest)
    except OSError:
        # Keeps its parts for the client's retry.
        s3._multipart_uploads[upload_id] = upload
        raise


@contextmanager
def _undone_on_failure(bucket_name: str, key: str) -> Iterator[None]:
    """Restores an object and its versions in memory if the change fails on disk (OSError)."""
    objects, name = (s3._buckets.get(bucket_name) or {}).get("objects", {}), (bucket_name, key)
    record, versions = objects.get(key), list(s3._object_versions.get(name) or [])
    try:
        yield
    except OSError:
        for store, one, former in ((objects, key, record), (s3._object_versions, name, versions)):
            if former:
                store[one] = former
            else:
                store.pop(one, None)
        for version in versions:
            version["is_latest"] = version is versions[-1]
        raise


def _persist_object(bucket_name: str, key: str, record: dict[str, Any]) -> None:
    file, body = _file(bucket_name, key), record.get("body")
    _write(file, body, {**s3._object_meta_from_record(record), **s3._key_history_meta(bucket_name, key), "key": key})
    record["body"] = None
    s3._remove_key_files(s3._other_key_disk_path(str(Path(s3.DATA_DIR, get_account_id(), bucket_name)), key, str(file)))


def _persist_delete_marker(bucket_name: str, key: str, marker: dict[str, Any]) -> None:
    metadata = {
        "is_delete_marker": True,
        "version_id": marker.get("version_id"),
        "last_modified": marker.get("last_modified", ""),
    }
    _write(_file(bucket_name, key), None, {**metadata, **s3._key_history_meta(bucket_name, key), "key": key})


def _persist_displaced_version(
    original: Original, bucket_name: str, key: str, record: dict[str, Any] | None, versioning: str
) -> None:
    if record is None or versioning != "Enabled":
        original(bucket_name, key, record, versioning)
        return
    aside = Path(s3._version_disk_path(bucket_name, key, record.get("version_id") or "null"))
    aside.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    aside.unlink(missing_ok=True)
    link_or_copy(_file(bucket_name, key), aside)


def _file(bucket_name: str, key: str) -> Path:
    return Path(s3._object_disk_path(bucket_name, key))


def _write(file: Path, body: bytes | memoryview | None, metadata: dict[str, Any]) -> None:
    """Writes both files of an object, or neither. Without a body the bytes that are there stay."""
    sidecar, former = Path(f"{file}{SIDECAR}"), Path(f"{file}{FORMER}")
    file.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    ready: dict[Path, Path] = {}
    try:
        if body is not None:
            ready[file] = _prepared(file, body)
        ready[sidecar] = _prepared(sidecar, json.dumps(metadata).encode())
        if body is not None and file.exists():
            former.unlink(missing_ok=True)
            link_or_copy(file, former)
        for target, new in ready.items():
            new.replace(target)
    except OSError:
        if former.exists():
            former.replace(file)
        elif file in ready and not ready[file].exists():
            file.unlink(missing_ok=True)
        raise
    finally:
        for left in (*ready.values(), former):
            left.unlink(missing_ok=True)


def _prepared(target: Path, content: bytes | memoryview) -> Path:
    ready = Path(f"{target}{READY}")
    descriptor = os.open(ready, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError:
        ready.unlink()
        raise
    return ready
