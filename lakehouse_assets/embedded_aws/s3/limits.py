"""Gap: ministack's S3 accepts keys and metadata of any length. AWS accepts keys of up to 1,024 bytes and metadata of up
to 2,048 bytes (in UTF-8, names and values together).

Here longer ones are refused as well. Otherwise a copy under a longer key would work in every test, and fail on AWS.

Source: Amazon S3 User Guide, "Naming Amazon S3 objects" and "User-defined object metadata"; the codes are those of its
list of error responses.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import s3  # type: ignore[import-untyped]

from lakehouse_assets.embedded_aws.patching import Response, wrap

KEY_BYTES = 1024
METADATA_BYTES = 2048
METADATA = "x-amz-meta-"


def fill() -> None:
    """Makes S3 refuse keys and metadata that are too long."""
    wrap(s3, "_dispatch", _dispatch)


def _dispatch(
    original: Callable[..., Any], method: str, bucket: str, key: str, headers: dict[str, str], *rest: Any
) -> Response:
    error: Callable[..., Response] = s3._error
    if len(key.encode()) > KEY_BYTES:
        return error("KeyTooLongError", "Your key is too long", 400, f"/{bucket}/{key}")
    metadata = {
        name.lower().removeprefix(METADATA): value
        for name, value in headers.items()
        if name.lower().startswith(METADATA)
    }
    if sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items()) > METADATA_BYTES:
        return error(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
            400,
            f"/{bucket}/{key}",
        )
    answer: Response = original(method, bucket, key, headers, *rest)
    return answer
