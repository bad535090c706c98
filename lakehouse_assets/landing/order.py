"""In which order files came, where S3's clock does not tell: its times are whole seconds, and all sheets of a workbook
have one.

Of two rows for one key the one of the later file stays. So a dataset's files in a batch get times that rise strictly,
by a microsecond where two are equal: by the order in which they were uploaded, where that is known, then by name with
numbers as numbers, then by the sheet's place in its workbook.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from lakehouse_assets.landing.model import ManifestFile

UPLOAD_ORDER, SHEET = "upload-order", "sheet"
"""S3 metadata: a text that sorts as the uploads of one command followed each other; a sheet's place in its workbook."""
NUMBERS = re.compile(r"(\d+)")
TICK = timedelta(microseconds=1)

NaturalKey = tuple[tuple[bool, int, str], ...]


def natural_key(name: str) -> NaturalKey:
    """Sorts names as people do: `day 9` before `day 10`, and `items.csv` before `items-2.csv`."""
    stem, dot, suffix = name.rpartition(".")
    parts = NUMBERS.split(stem if dot else suffix)
    return tuple((part.isdecimal(), int(part) if part.isdecimal() else 0, part.casefold()) for part in parts if part)


def in_order(files: Iterable[ManifestFile], after: datetime | None = None) -> tuple[ManifestFile, ...]:
    """The files from the oldest to the newest, those of one dataset with times of their own.

    `after`: the last time that was given in a batch before. A file of the same second came later: it was not there
    then.
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
