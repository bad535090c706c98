"""Repairs objects whose write was interrupted. An object is two files: its bytes, and its metadata beside them (the
sidecar). A server that is killed between the two writes leaves files that do not match.

`writes` writes both files completely as `NAME.tmp` before it renames the first. So a complete `.tmp` sidecar without
`.tmp` bytes belongs to the bytes that are in place, and the write can be finished. Any other `.tmp` file is removed, as
if the write had never begun.
"""

import errno
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

SIDECAR, READY = ".meta.json", ".tmp"
NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
"""Errors of link(2) on a file system without hard links (exFAT, some shares), or if the file has too many."""


def finish_or_undo(objects: Path) -> None:
    """Finishes or undoes the writes that the last server did not complete. `objects`: S3's folder. To be called before
    ministack is imported, because it loads whatever files it finds.
    """
    accounts = [folder for folder in objects.iterdir() if folder.name.isdigit()]
    ready = [file for account in accounts for file in _files(account, READY)]
    # Sidecars first, while the `.tmp` files of their bytes still show how far the write came.
    for file in sorted(ready, key=lambda file: not file.name.endswith(SIDECAR + READY)):
        target = file.with_name(file.name.removesuffix(READY))
        if target.name.endswith(SIDECAR) and not _bytes_of(target, READY).exists() and _read(file) is not None:
            file.replace(target)
        else:
            file.unlink()
    for account in accounts:
        for sidecar in _files(account, SIDECAR):
            _restore_matching_bytes(objects, sidecar)


def link_or_copy(file: Path, other: Path) -> None:
    """Makes a hard link to a file, or a copy if the file system has no hard links."""
    try:
        os.link(file, other)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        shutil.copyfile(file, other)


def _restore_matching_bytes(objects: Path, sidecar: Path) -> None:
    """Restores the bytes that a sidecar describes, if others are in place: after a power cut, or if an older version of
    this package wrote them. The old bytes are kept as a version.
    """
    body, metadata = _bytes_of(sidecar), _read(sidecar) or {"size": None}
    if metadata.get("is_delete_marker") or "size" not in metadata or not body.is_file():
        return
    account, bucket, *key = body.relative_to(objects).parts
    aside = objects.joinpath(".versions", account, bucket, metadata.get("version_id") or "null", *key)
    if aside.is_file():
        # The version's file may also have the same bytes: after a deletion was undone, or after a failed write.
        if not _matches(body, metadata):
            aside.replace(body)
    elif body.stat().st_size != metadata["size"]:
        sidecar.unlink()


def _matches(body: Path, metadata: dict[str, Any]) -> bool:
    # The size alone is not enough: two leases have the same length.
    return body.stat().st_size == metadata["size"] and hashlib.md5(
        body.read_bytes(), usedforsecurity=False
    ).hexdigest() == str(metadata.get("etag")).strip('"')


def _files(folder: Path, ending: str) -> list[Path]:
    return [Path(parent, name) for parent, _, names in os.walk(folder) for name in names if name.endswith(ending)]


def _bytes_of(sidecar: Path, ending: str = "") -> Path:
    return sidecar.with_name(sidecar.name.removesuffix(SIDECAR) + ending)


def _read(sidecar: Path) -> dict[str, Any] | None:
    try:
        metadata = json.loads(sidecar.read_bytes())
    except ValueError:
        return None
    return metadata if isinstance(metadata, dict) else None
