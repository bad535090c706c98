"""Gap: two properties of ministack's S3 listings differ from AWS.

- Times have milliseconds. S3's times are whole seconds, so versions that were written within one second have no order.
  Here times are whole seconds, too: otherwise code that relies on the order would fail only on AWS.
- ListObjectVersions ignores `encoding-type=url`, which boto3 requests. XML cannot hold control characters, so one key
  with such a character makes every listing that contains it unreadable. Here keys are encoded on request
  (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html).
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from ministack.services import s3  # type: ignore[import-untyped]

from lakehouse_assets.embedded_aws.patching import Response, wrap

ENCODED = frozenset({"Key", "Prefix", "Delimiter", "KeyMarker", "NextKeyMarker"})

_encoding: ContextVar[str] = ContextVar("encoding", default="")


def fill() -> None:
    """Makes listings equal to S3's."""
    wrap(s3, "now_iso", _now_iso)
    wrap(s3, "_list_object_versions", _list_object_versions)
    wrap(s3, "_xml_body", _xml_body)


def _now_iso(original: Callable[[], str]) -> str:
    return original()[: len("2025-04-01T11:27:00")] + ".000Z"


def _list_object_versions(original: Callable[..., Response], bucket_name: str, query: dict[str, Any]) -> Response:
    before = _encoding.set(s3._qp(query, "encoding-type"))
    try:
        return original(bucket_name, query)
    finally:
        _encoding.reset(before)


def _xml_body(original: Callable[[Element], bytes], root: Element) -> bytes:
    encoding = _encoding.get()
    if encoding == "url" and root.tag == "ListVersionsResult":
        for element in root.iter():
            if element.tag in ENCODED and element.text:
                element.text = s3._url_encode(element.text)
        SubElement(root, "EncodingType").text = encoding
    return original(root)
