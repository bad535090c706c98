"""An object is two files: its bytes, and beside them what is said of it (a sidecar). A server that was killed between
the two leaves them at odds.

`s3_writes` lays both ready, as `NAME.tmp`, before the first takes its place. So a sidecar that is still ready and
complete while the bytes are not ready any more belongs to the bytes in place, and the write can be finished; any other
is as if it had never begun.
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
"""What link(2) says where a disk (exFAT, some shares) has no hard links, or no more of this file."""


def finish_or_undo(objects: Path) -> None:
    """Finishes or undoes the writes that were under way when the last server ended. Before ministack looks at the
    folder: it takes what it finds for true.
    """
    accounts = [folder for folder in objects.iterdir() if folder.name.isdigit()]
    ready = [file for account in accounts for file in _files(account, READY)]
    # The sidecars first: whether their bytes are ready tells what they are.
    for file in sorted(ready, key=lambda file: not file.name.endswith(SIDECAR + READY)):
        place = file.with_name(file.name.removesuffix(READY))
        if place.name.endswith(SIDECAR) and not _bytes_of(place, READY).exists() and _read(file) is not None:
            file.replace(place)
        else:
            file.unlink()
    for account in accounts:
        for sidecar in _files(account, SIDECAR):
            _put_back_what_was_complete(objects, sidecar)


def link_or_copy(file: Path, other: Path) -> None:
    """Gives a file another name, or makes a copy where its disk has no hard links."""
    try:
        os.link(file, other)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        shutil.copyfile(file, other)


def _put_back_what_was_complete(objects: Path, sidecar: Path) -> None:
    """After a power cut, or where files were written before both were laid ready first: the bytes of before lie aside,
    as a version.
    """
    body, said = _bytes_of(sidecar), _read(sidecar) or {"size": None}
    if said.get("is_delete_marker") or "size" not in said or not body.is_file():
        return
    account, bucket, *key = body.relative_to(objects).parts
    aside = objects.joinpath(".versions", account, bucket, said.get("version_id") or "null", *key)
    if aside.is_file():
        # It may also lie there with the same bytes: a deleted version that came back, a write that the disk refused.
        if not _is_said_of(body, said):
            aside.replace(body)
    elif body.stat().st_size != said["size"]:
        sidecar.unlink()


def _is_said_of(body: Path, said: dict[str, Any]) -> bool:
    # The size alone does not tell: one lease is as long as the next.
    return body.stat().st_size == said["size"] and hashlib.md5(
        body.read_bytes(), usedforsecurity=False
    ).hexdigest() == str(said.get("etag")).strip('"')


def _files(folder: Path, ending: str) -> list[Path]:
    return [Path(parent, name) for parent, _, names in os.walk(folder) for name in names if name.endswith(ending)]


def _bytes_of(sidecar: Path, ending: str = "") -> Path:
    return sidecar.with_name(sidecar.name.removesuffix(SIDECAR) + ending)


def _read(sidecar: Path) -> dict[str, Any] | None:
    try:
        said = json.loads(sidecar.read_bytes())
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
