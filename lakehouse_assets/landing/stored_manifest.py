"""The JSON form of a manifest, `control/manifests/<batch>.json`.

Version 2, the current one. `bucket` is not stored: a manifest lies in the bucket of its files. `file_id` is stored for
people who read the JSON; it follows from the version.

    {"version": 2, "batch_id": "…", "created_at": "…", "abandoned": ["…"],
     "files": [{"version": {"key": "…", "version_id": "…", "etag": "…", "size": 81, "modified": "…"}, "file_id": "…",
                "dialect": {"header": ["…"], "delimiter": ",", …}, "dataset": "…", …}],
     "noticed": [{"name": "…", "outcome": "…", "reason": "…", "rows": null}]}

Version 1, written by release 0.1, has no version number, and a file's entry is flat: the fields of `version` and
`dialect` stand beside the others, with the version's id as `version`. It is still read: a batch may be open while the
program is upgraded, and the history keeps manifests for years.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.landing.csv_files.dialect import Dialect
from lakehouse_assets.landing.model import FileVersion, Manifest, ManifestFile, Outcome, Skipped

VERSION = 2
VERSION_FIELDS = tuple(field.name for field in fields(FileVersion) if field.name != "bucket")
DIALECT_FIELDS = tuple(field.name for field in fields(Dialect))


def to_json(manifest: Manifest) -> dict[str, Any]:
    return {
        "version": VERSION,
        "batch_id": manifest.batch_id,
        "created_at": manifest.created_at,
        "files": [_file_to_json(file) for file in manifest.files],
        "noticed": [asdict(skipped) for skipped in manifest.skipped],
        "abandoned": list(manifest.abandoned),
    }


def from_json(value: Mapping[str, Any], bucket: str) -> Manifest:
    """The manifest of a JSON document of version 1 or 2. `bucket`: the bucket that it lies in.

    Raises BadConfiguration for a version that this program does not know.
    """
    version = value.get("version", 1)
    if version > VERSION:
        raise BadConfiguration(
            f"The manifest of batch {value.get('batch_id')} has format version {version}; this program reads versions"
            f" up to {VERSION}. A newer release of lakehouse-assets wrote it: install that release here too, then run"
            " again."
        )
    files = value["files"] if version > 1 else map(_nested, value["files"])
    return Manifest(
        value["batch_id"],
        value["created_at"],
        tuple(_file_from_json(file, bucket) for file in files),
        tuple(Skipped(**{**each, "outcome": Outcome(each["outcome"])}) for each in value["noticed"]),
        tuple(value.get("abandoned", ())),
    )


def _file_to_json(file: ManifestFile) -> dict[str, Any]:
    version = {name: getattr(file.version, name) for name in VERSION_FIELDS}
    return {
        "version": version | {"modified": file.version.modified.isoformat()},
        "file_id": file.file_id,
        **{name: value for name, value in asdict(file).items() if name != "version"},
        "source_modified_at": file.source_modified_at.isoformat(),
    }


def _file_from_json(value: Mapping[str, Any], bucket: str) -> ManifestFile:
    version, dialect = value["version"], value["dialect"]
    rest = {name: found for name, found in value.items() if name not in ("version", "dialect", "file_id")}
    return ManifestFile(
        **{
            **rest,
            "version": FileVersion(
                **{**version, "bucket": bucket, "modified": datetime.fromisoformat(version["modified"])}
            ),
            "dialect": Dialect(**{**dialect, "header": tuple(dialect["header"])}),
            "outcome": Outcome(value["outcome"]),
            "source_modified_at": datetime.fromisoformat(value["source_modified_at"]),
            "warnings": tuple(value["warnings"]),
        }
    )


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """A file's entry of version 1 in the form of version 2."""
    version = {name: flat[name] for name in VERSION_FIELDS if name in flat} | {"version_id": flat["version"]}
    dialect = {name: flat[name] for name in DIALECT_FIELDS if name in flat}
    rest = {name: found for name, found in flat.items() if name not in (*VERSION_FIELDS, *DIALECT_FIELDS)}
    return rest | {"version": version, "dialect": dialect}
