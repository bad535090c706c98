"""The order of files that have the same time: S3's times are whole seconds, and all sheets of a workbook have the same
time.

Of two rows with one key, that of the later file stays. So each file of a dataset in a batch gets a time of its own.
Files with equal times are moved apart by microseconds: in the order of their upload, if that is known, then by name
with numbers as numbers, then by the sheet's position in its workbook.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from lakehouse_assets.landing.model import ManifestFile

UPLOAD_ORDER, SHEET = "upload-order", "sheet"
"""S3 metadata: a text that sorts in the order in which one command uploaded its files; a sheet's position in its
workbook.
"""
NUMBERS = re.compile(r"(\d+)")
TICK = timedelta(microseconds=1)

NaturalKey = tuple[tuple[bool, int, str], ...]


def natural_key(name: str) -> NaturalKey:
    """Sorts names as people do: `day 9` before `day 10`, and `items.csv` before `items-2.csv`."""
    stem, dot, suffix = name.rpartition(".")
    parts = NUMBERS.split(stem if dot else suffix)
    return tuple((part.isdecimal(), int(part) if part.isdecimal() else 0, part.casefold()) for part in parts if part)


def in_order(files: Iterable[ManifestFile], after: datetime | None = None) -> tuple[ManifestFile, ...]:
    """The files from the oldest to the newest; no two of one dataset have the same time.

    `after`: the last time in an earlier batch. A file of the same second counts as later, because it had not arrived
    when that batch was frozen.
    """
    found: list[ManifestFile] = []
    last: dict[str | None, datetime] = {}
    for file in sorted(files, key=_place):
        time = file.source_modified_at
        taken = [
            before
            for before in (last.get(file.dataset), after)
            if before is not None and before.replace(microsecond=0) <= time <= before
        ]
        time = max(taken) + TICK if taken else time
        found.append(replace(file, source_modified_at=time))
        last[file.dataset] = time
    return tuple(found)


def _place(file: ManifestFile) -> tuple[datetime, str, NaturalKey, int, str]:
    workbook = file.source_file.rsplit("#", 1)[0] if file.sheet else file.source_file
    return (
        file.source_modified_at,
        file.upload_order,
        natural_key(workbook),
        file.sheet,
        file.file_id,
    )
