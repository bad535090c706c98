"""The ledger: one entry for each file version that a batch took, written once. A version in the ledger is not processed
again, but new content under the same key is.

Also the contents seen for each dataset, to recognise the same content under another name, or again under the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lakehouse_assets.landing.model import FileVersion, ManifestFile, Outcome
from lakehouse_assets.landing.zone import LandingZone
from lakehouse_assets.parallel import in_parallel


def unknown_to_ledger(zone: LandingZone, versions: list[FileVersion]) -> list[FileVersion]:
    known = in_parallel(lambda version: zone.store.exists(zone.ledger_key(version.file_id)), versions)
    return [version for version, is_known in zip(versions, known, strict=True) if not is_known]


@dataclass(frozen=True)
class SeenContent:
    """A content that an earlier file had: the name of that file, and how many of its rows were accepted (None if the
    entry does not say)."""

    source_file: str
    accepted: int | None


def seen_content(zone: LandingZone, dataset: str, content: str) -> SeenContent | None:
    entry = zone.store.get_json(zone.content_key(dataset, content))
    return SeenContent(entry["source_file"], entry.get("accepted")) if entry else None


def enter_content(zone: LandingZone, batch_id: str, file: ManifestFile, accepted: int | None = None) -> None:
    """Records that a file's content was seen. `accepted`: how many of its rows were accepted; None if no load says.

    The first entry is kept, unless none of its rows were accepted and now some are. Safe to repeat after a crash.
    """
    if not file.dataset:
        return
    key = zone.content_key(file.dataset, file.content)
    entry = {"source_file": file.source_file, "batch_id": batch_id, "file_id": file.file_id, "accepted": accepted}
    if not zone.store.create_json(key, entry) and accepted:
        before = seen_content(zone, file.dataset, file.content)
        if before is not None and not before.accepted:
            zone.store.put_json(key, entry)


def enter(zone: LandingZone, batch_id: str, file: ManifestFile, facts: dict[str, Any]) -> bool:
    """Enters a file version with its outcome. False if an earlier try of the same batch has entered it."""
    if file.outcome is Outcome.LOAD:
        enter_content(zone, batch_id, file, facts["read"] - facts["rejected"] if "read" in facts else None)
    entry = {
        "file_id": file.file_id,
        "batch_id": batch_id,
        "dataset": file.dataset,
        "key": file.key,
        "version": file.version.version_id,
        "size": file.size,
    }
    return zone.store.create_json(zone.ledger_key(file.file_id), entry | facts)
