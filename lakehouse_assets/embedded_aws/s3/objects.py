"""Gap: how ministack's S3 reads the bytes of an object. (`writes` is about writing them.)

- A ranged read of a version (`VersionId` with `Range`) returns the whole object, which corrupts a large version that
  boto3 downloads in parts. Here it returns the range.
- Every version ever written stays in memory, and every ranged read reads the whole file. Here bytes are only on disk,
  and large files are mapped into memory, so that a range costs as much as its size.
- An object whose file is missing is a warning in the log and an empty object for the reader. Here it is an error.
"""

import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack.services import s3  # type: ignore[import-untyped]

from lakehouse_assets.embedded_aws.patching import Response, replace, wrap

BYTES_WORTH_MAPPING = 1 << 20

Body = bytes | memoryview
Original = Callable[..., Any]


def fill() -> None:
    """Makes S3 read objects from disk, and ranges of versions correctly."""
    wrap(s3, "_get_object", _get_object)
    wrap(s3, "_get_object_data", _get_object_data)
    wrap(s3, "_version_entry_from_record", _version_entry_from_record)
    replace(s3, "_read_body", _read_body)
    replace(s3, "_version_body", _version_body)


def _get_object(
    original: Original, bucket_name: str, key: str, headers: dict[str, str], query: dict[str, list[str]] | None = None
) -> Response:
    requested_range = headers.get("range", "") if query and query.get("versionId") else ""
    if requested_range:
        # Checksums are those of the whole object: a client would compare the range with them.
        headers = {name: value for name, value in headers.items() if name != "x-amz-checksum-mode"}
    status, response_headers, body = original(bucket_name, key, headers, query)
    if requested_range and status == 200:
        return _range(body, requested_range, response_headers, bucket_name, key)
    return status, response_headers, _as_bytes(body)


def _get_object_data(original: Original, *arguments: Any, **named: Any) -> bytes | None:
    body = original(*arguments, **named)
    return None if body is None else _as_bytes(body)


def _version_entry_from_record(original: Original, record: dict[str, Any], version_id: str, _data: Body) -> Any:
    return original(record, version_id, None)


def _read_body(bucket_name: str, key: str, record: dict[str, Any]) -> Body:
    body: Body | None = record.get("body")
    return body if body is not None else _from_disk(s3._object_disk_path(bucket_name, key))


def _version_body(bucket: dict[str, Any], bucket_name: str, key: str, version: dict[str, Any]) -> Body | None:
    if s3._version_file_exists(bucket_name, key, version["version_id"]):
        return _from_disk(s3._version_disk_path(bucket_name, key, version["version_id"]))
    current = bucket["objects"].get(key)
    if current is not None and (current.get("version_id") or "null") == version["version_id"]:
        return _read_body(bucket_name, key, current)
    return None


def _from_disk(path: str) -> Body:
    with Path(path).open("rb") as file:
        if os.fstat(file.fileno()).st_size < BYTES_WORTH_MAPPING:
            return file.read()
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _range(body: Body, requested_range: str, headers: dict[str, str], bucket_name: str, key: str) -> Response:
    bounds = s3._parse_range(requested_range, len(body))
    if bounds is None:
        error = s3._xml_body(s3._range_error_xml(bucket_name, key))
        return 416, {"Content-Type": "application/xml", "Content-Range": f"bytes */{len(body)}"}, error
    start, end = bounds
    part = bytes(body[start : end + 1])
    return (
        206,
        {**headers, "Content-Length": str(len(part)), "Content-Range": f"bytes {start}-{end}/{len(body)}"},
        part,
    )


def _as_bytes(body: Body) -> bytes:
    return bytes(body) if isinstance(body, memoryview) else body
