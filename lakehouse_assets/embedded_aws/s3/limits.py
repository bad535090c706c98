"""Gap: ministack's S3 takes keys and metadata of any length. AWS takes keys of 1,024 bytes and metadata of 2,048 (in
UTF-8, names and values together).

What does not fit there must not fit here: else a copy under a longer key works in every test, and nowhere else.

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
    """Lets ministack refuse what is too long."""
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
