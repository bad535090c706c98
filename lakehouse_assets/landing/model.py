"""File versions in the bucket, the outcome of each, and the manifest: the list of files that makes a batch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from lakehouse_assets.landing.csv_files.dialect import Dialect


class Outcome(StrEnum):
    """The outcome of a file version. In a manifest LOAD means that the load decides: loaded, empty or duplicate.
    NOT_LOADED: the batch failed before the file was loaded. ABANDONED: the batch was abandoned before that."""

    LOAD = "load"
    LOADED = "loaded"
    NOT_LOADED = "not_loaded"
    EMPTY = "empty"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"
    IGNORED = "ignored"
    CONVERTED = "converted"
    ABANDONED = "abandoned"


@dataclass(frozen=True)
class FileVersion:
    """One version of one object in S3. `version_id` is "null" in a bucket without versions; `size` is in bytes."""

    bucket: str
    key: str
    version_id: str
    etag: str
    size: int
    modified: datetime

    @property
    def file_id(self) -> str:
        """The same for the same version, always. In a bucket without versions, ETag and time identify a version."""
        version = self.version_id if self.version_id != "null" else f"{self.etag}@{self.modified.isoformat()}"
        return digest(self.bucket, self.key, version)


@dataclass(frozen=True)
class ManifestFile:
    """A file version in a batch, with the findings of preflight.

    dataset: None for an upload that was converted: its CSV files are files of their own.
    source_file: the name that people know; for a sheet, workbook#sheet.
    source_modified_at: the time that decides between two rows of one key; unique in a dataset (`landing.order`).
    reason: why the file is not loaded, worded to follow its name.
    content: SHA-256 of the bytes as they arrived.
    seen_before: an earlier batch had a file with the same content.
    accepted_before: if so, how many of its rows were accepted then; None if the ledger does not say.
    expected_rows: for a converted sheet, its number of rows in the workbook.
    rows_aside: for a quarantined file, its number of rows; None if they cannot be counted.
    upload_order, sheet: which of two files of the same second came later (`landing.order`).
    """

    version: FileVersion
    dataset: str | None
    source_file: str
    source_modified_at: datetime
    outcome: Outcome
    reason: str | None = None
    content: str = ""
    seen_before: bool = False
    expected_rows: int | None = None
    dialect: Dialect = field(default_factory=Dialect)
    warnings: tuple[str, ...] = ()
    rows_aside: int | None = None
    upload_order: str = ""
    sheet: int = 0
    accepted_before: int | None = None

    @property
    def key(self) -> str:
        return self.version.key

    @property
    def size(self) -> int:
        """Bytes, as they arrived."""
        return self.version.size

    @property
    def file_id(self) -> str:
        return self.version.file_id


@dataclass(frozen=True)
class Skipped:
    """Something that is not part of the batch's data but is reported with it: a sheet that was not converted, an object
    in no dataset's folder.

    rows: the number of rows of a sheet that was not converted; None if they cannot be counted.
    """

    name: str
    outcome: Outcome
    reason: str
    rows: int | None = None


@dataclass(frozen=True)
class Manifest:
    """A frozen batch. Its id is a hash of its file versions: the same files always make the same batch.

    abandoned: the batches that were abandoned since the last one that succeeded. Rows that they wrote may be the
    parents of waiting orphans.
    """

    batch_id: str
    created_at: str
    files: tuple[ManifestFile, ...]
    skipped: tuple[Skipped, ...] = ()
    abandoned: tuple[str, ...] = ()

    def to_load(self, dataset: str) -> tuple[ManifestFile, ...]:
        return tuple(file for file in self.files if file.dataset == dataset and file.outcome is Outcome.LOAD)


def batch_id_of(versions: list[FileVersion]) -> str:
    return digest(*(f"{v.file_id} {v.size}" for v in sorted(versions, key=lambda v: v.file_id)))[:16]


def digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
