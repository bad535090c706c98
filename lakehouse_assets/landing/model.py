"""What landing knows of files: the versions that wait, what became of each, and the manifest that freezes a batch of
them.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What becomes of a file version. In a manifest LOAD stands for what the load will say: loaded, empty or duplicate.
    NOT_LOADED: of a batch that failed before it was loaded. ABANDONED: of a batch that was given up before it was
    loaded."""

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
    """One version of one object in S3. `version` is its VersionId ("null" in a bucket without versions)."""

    bucket: str
    key: str
    version: str
    etag: str
    size: int
    modified: datetime

    @property
    def file_id(self) -> str:
        """Stable for the version: without S3's version ids, content and time stand for one."""
        version = self.version if self.version != "null" else f"{self.etag}@{self.modified.isoformat()}"
        return digest(self.bucket, self.key, version)


@dataclass(frozen=True)
class ManifestFile:
    """A file version in a batch, with what preflight found. `source_file` is the name people know it by: for a sheet,
    workbook#sheet.

    `upload_order`, `sheet`: which of two files of one second came later (`landing.order`).
    `rows_aside`: how many rows a file has that is quarantined; None where they cannot be counted, and for a file that
    is loaded. `accepted_before`: of a file whose content was seen before, how many of its rows were accepted then; None
    where the ledger does not say.
    """

    dataset: str | None
    key: str
    version: str
    etag: str
    size: int
    modified: str
    file_id: str
    source_file: str
    source_modified_at: str
    outcome: Outcome
    reason: str | None = None
    content: str = ""
    seen_before: bool = False
    expected_rows: int | None = None
    header: tuple[str, ...] = ()
    delimiter: str = ","
    compression: str = "none"
    regular: bool = True
    quoted: bool = True
    multiline: bool = True
    skipped_lines: int = 0
    warnings: tuple[str, ...] = ()
    rows_aside: int | None = None
    upload_order: str = ""
    sheet: int = 0
    accepted_before: int | None = None

    @staticmethod
    def of(version: FileVersion, **found: Any) -> ManifestFile:
        """A file version with what was found about it."""
        return ManifestFile(
            key=version.key,
            version=version.version,
            etag=version.etag,
            size=version.size,
            modified=version.modified.isoformat(),
            file_id=version.file_id,
            **found,
        )

    def as_version(self, bucket: str) -> FileVersion:
        return FileVersion(bucket, self.key, self.version, self.etag, self.size, datetime.fromisoformat(self.modified))


@dataclass(frozen=True)
class Noticed:
    """Something that is no part of the batch's data but must be accounted for: a sheet that was not converted, a stray
    object left alone.

    `rows`: how many rows a sheet has that was not converted; None where they cannot be counted.
    """

    name: str
    outcome: Outcome
    reason: str
    rows: int | None = None


@dataclass(frozen=True)
class Manifest:
    """A frozen batch. Its id is a hash of its file versions: the same files always make the same batch.

    `abandoned`: the batches that were given up since the last one that succeeded. What they wrote may be the parents
    that orphans wait for.
    """

    batch_id: str
    created_at: str
    files: tuple[ManifestFile, ...]
    noticed: tuple[Noticed, ...] = field(default=())
    abandoned: tuple[str, ...] = ()

    def to_load(self, dataset: str) -> tuple[ManifestFile, ...]:
        return tuple(file for file in self.files if file.dataset == dataset and file.outcome is Outcome.LOAD)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(value: dict[str, Any]) -> Manifest:
        files = tuple(
            ManifestFile(
                **{
                    **f,
                    "outcome": Outcome(f["outcome"]),
                    "header": tuple(f["header"]),
                    "warnings": tuple(f["warnings"]),
                }
            )
            for f in value["files"]
        )
        noticed = tuple(Noticed(n["name"], Outcome(n["outcome"]), n["reason"], n.get("rows")) for n in value["noticed"])
        return Manifest(value["batch_id"], value["created_at"], files, noticed, tuple(value.get("abandoned", ())))


def batch_id_of(versions: list[FileVersion]) -> str:
    return digest(*(f"{v.file_id} {v.size}" for v in sorted(versions, key=lambda v: v.file_id)))[:16]


def digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]
