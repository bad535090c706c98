"""The ledger: one entry per file version that a batch took, written once. A version that is in it is not processed
again; new content under an old key is.

Beside it, the contents seen per dataset: the same content under another name, or again under the same, is recognised by
it.
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
    """A content that came before: the source file that brought it, and how many of its rows were accepted; None where
    the entry does not say."""

    source_file: str
    accepted: int | None


def seen_content(zone: LandingZone, dataset: str, content: str) -> SeenContent | None:
    entry = zone.store.get_json(zone.content_key(dataset, content))
    return SeenContent(entry["source_file"], entry.get("accepted")) if entry else None


def enter_content(zone: LandingZone, batch_id: str, file: ManifestFile, accepted: int | None = None) -> None:
    """From now on this content counts as seen. `accepted`: how many of its rows were accepted; None where no load says.

    The first entry stands, unless none of its rows were accepted and now some are. Made again after a crash the entry
    is the same.
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
    """Enters a file version with what became of it. False if the entry was there already (a former try of the same
    batch).
    """
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
