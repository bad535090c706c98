"""After the load: exactly the manifest's files leave raw/ and uploads/, each entered into the ledger, copied, verified, deleted, in that order. Re-runnable.

What was read goes to archived/<batch>/, what was set aside to rejected/files/<batch>/ with its reason beside it. Nothing goes without evidence
that it was read.
"""

from __future__ import annotations

from collections.abc import Mapping

from lakehouse_assets.errors import BadData
from lakehouse_assets.landing.ledger import enter
from lakehouse_assets.landing.model import Manifest, ManifestFile, Outcome
from lakehouse_assets.landing.store import in_parallel
from lakehouse_assets.landing.workbooks import safe_name
from lakehouse_assets.landing.zone import LandingZone


def archive(zone: LandingZone, manifest: Manifest, rows_read: Mapping[str, Mapping[str, int | str]]) -> list[str]:
    """Moves the batch's files. `rows_read`: what the load says of each file (file_id to counts and outcome). Returns the keys where they are now.

    Raises BadData for a file that was to be loaded and of which the load says nothing.
    """
    unread = [file.source_file for file in manifest.files if file.outcome is Outcome.LOAD and file.file_id not in rows_read]
    if unread:
        raise BadData(f"No load has read {', '.join(unread)}; nothing was archived. Run the batch again.")
    return in_parallel(lambda file: _archive_file(zone, manifest, file, rows_read.get(file.file_id, {})), manifest.files)


def _archive_file(zone: LandingZone, manifest: Manifest, file: ManifestFile, facts: Mapping[str, int | str]) -> str:
    target = archive_key(zone, manifest, file)
    if file.outcome is Outcome.QUARANTINED:
        zone.store.put_json(f"{target}.reason.json", {"file": file.source_file, "reason": file.reason, "batch_id": manifest.batch_id})
    enter(zone, manifest.batch_id, file, {"outcome": file.outcome, "reason": file.reason, "archived_to": target, **facts})
    zone.store.move(file.as_version(zone.store.bucket), target)
    return target


def archive_key(zone: LandingZone, manifest: Manifest, file: ManifestFile) -> str:
    """Holds the version's id: two versions of one name in one batch do not overwrite each other. A `..` is replaced: on a disk it leads out of the folder."""
    folder = f"{zone.rejected}files/" if file.outcome is Outcome.QUARANTINED else zone.archive
    name = "/".join(safe_name(part) if part in (".", "..") else part for part in file.key.split("/"))
    return f"{folder}{manifest.batch_id}/{file.file_id[:8]}/{name}"
