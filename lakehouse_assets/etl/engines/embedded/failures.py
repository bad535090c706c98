"""Translates the errors of delta-rs into ours: TemporaryOutage only if the same call may succeed later.

delta-rs has one kind of error for most failures and distinguishes them by text only. The text contains values of rows,
and S3 keys, which contain partition values. So our message is built only from known parts: an HTTP status, S3's error
code, a cause.
"""

from __future__ import annotations

import re

from deltalake.exceptions import CommitFailedError, DeltaError

from lakehouse_assets.aws.client import LOOK_FOR_A_DENY, NOT_AUTHORIZED, TEMPORARY
from lakehouse_assets.errors import BadConfiguration, LakehouseError, TemporaryOutage
from lakehouse_assets.etl.engines.table import another_writer

GENERIC, ABSENT = "Generic S3 error", "Object at location"
FORBIDDEN = ("lacked the necessary privileges", "lacked valid authentication")
OF_STORE = (GENERIC, ABSENT, *FORBIDDEN)
"""Words of object_store, the library through which delta-rs reads and writes S3. A reader of a stream of rows passes
them on.
"""
STATUS = re.compile(r"non-2xx status code\W*(\d{3})")
CODE = re.compile(r"<Code>(\w+)</Code>")
REQUEST = re.compile(r"Error performing (GET|HEAD|PUT|POST|DELETE) \S*?(list-type=2)?[\s&]")
PERMISSIONS = {
    "GET": "s3:GetObject",
    "HEAD": "s3:GetObject",
    "PUT": "s3:PutObject",
    "POST": "s3:PutObject or s3:DeleteObject",
    "DELETE": "s3:DeleteObject",
}
CAUSES = (
    "connection refused",
    "connection reset",
    "connection closed",
    "connection error",
    "error sending request",
    "operation timed out",
    "dns error",
    "No space left on device",
)
FULL_DISK = CAUSES[-1]
NO_SUCH_VERSION = "Invalid table version"
"""object_store takes S3's 409 (two writes met: try again) for its 412 (the object exists):
apache/arrow-rs-object-store, pull request 852. So delta-rs looks for another writer's commit. If it finds none while it
creates a table, it raises an error with this text.
"""
PANIC_OF_RUST = "PanicException"
"""What pyo3 raises for a panic: a BaseException whose class is in no module."""
RETRYABLE, NO_PERMISSION = {408, 429}, 403
REPORT = "If it fails again, please report it with the whole message from the log."


def is_of_store(text: str) -> bool:
    """Whether the text of an error comes from object_store."""
    return any(words in text for words in OF_STORE)


def failure(what: str, error: BaseException) -> LakehouseError:
    """Returns the error to raise. `what`: the table that was opened, read or written, with which the message begins."""
    text = " ".join(re.sub(r"\x1b\[\d*m", "", str(error)).replace("↳", ":").split())
    summary = _summary(text, error)
    status = int(found[1]) if (found := STATUS.search(text)) else None
    code = found[1] if (found := CODE.search(text)) else None
    if FULL_DISK in text:
        return LakehouseError(f"{what}: {summary}. Nothing is lost: free some space, then run the batch again.")
    if code in TEMPORARY or status in RETRYABLE or (status or 0) >= 500:
        return TemporaryOutage(f"{what} cannot be reached: {summary}. Nothing is lost; run the batch again.")
    if code == "NoSuchKey" or ABSENT in text:
        return LakehouseError(
            f"{what} refers to a file that does not exist: another program deleted it. Restore its previous version"
            " in S3, then run the batch again."
        )
    if any(words in text for words in FORBIDDEN) or status == NO_PERMISSION:
        return BadConfiguration(
            f"{what}: a permission is missing ({summary}){_permission(text)}. Nothing is lost. Allow it to the role or"
            f" user that runs this, then run the batch again. {LOOK_FOR_A_DENY}"
        )
    if status:
        return BadConfiguration(
            f"{what}: S3 refused the request ({summary}). Nothing is lost. Check the bucket's name and the permissions,"
            " then run the batch again."
        )
    if isinstance(error, CommitFailedError) or NO_SUCH_VERSION in text:
        return another_writer(what)
    if isinstance(error, OSError) or GENERIC in text:
        return TemporaryOutage(f"{what} cannot be reached: {summary}. Nothing is lost; run the batch again.")
    return LakehouseError(f"{what}: delta-rs failed ({summary}). The table was not changed. {REPORT}")


def is_of_delta_rs(error: BaseException) -> bool:
    return isinstance(error, (OSError, DeltaError)) or type(error).__name__ == PANIC_OF_RUST


def _permission(text: str) -> str:
    if found := NOT_AUTHORIZED.search(text):
        return f": {found[1]}"
    if not (found := REQUEST.search(text)):
        return ""
    return f": {'s3:ListBucket' if found[2] else PERMISSIONS[found[1]]} on its files"


def _summary(text: str, error: BaseException) -> str:
    status = [f"status {found[1]}"] if (found := STATUS.search(text)) else []
    code = [found[1]] if (found := CODE.search(text)) else []
    known = [words for words in (GENERIC, *FORBIDDEN, *CAUSES) if words in text]
    return ": ".join(known + code + status) or type(error).__name__
