"""After the load: moves exactly the manifest's files out of raw/ and uploads/. Each is entered into the ledger, copied,
verified and deleted, in that order. Safe to run again.

Loaded files go to archived/<batch>/, quarantined ones to rejected/files/<batch>/ with the reason beside them. A file
that should be loaded is moved only if a load reports that it read the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import replace

from lakehouse_assets.errors import BadData
from lakehouse_assets.landing.convert import is_made_of
from lakehouse_assets.landing.ledger import enter, enter_content
from lakehouse_assets.landing.model import Manifest, ManifestFile, Outcome
from lakehouse_assets.landing.names import safe_name
from lakehouse_assets.landing.store import KEY_BYTES, GoneError
from lakehouse_assets.landing.zone import QUARANTINE, LandingZone
from lakehouse_assets.parallel import in_parallel

UNREAD = (Outcome.QUARANTINED, Outcome.ABANDONED)
"""Files with these outcomes go to rejected/files/ instead of archived/."""
REASON = ".reason.json"


def archive(zone: LandingZone, manifest: Manifest, rows_read: Mapping[str, Mapping[str, int | str]]) -> list[str]:
    """Moves the batch's files. `rows_read`: the load's facts about each file (counts and outcome), by file_id.
    Returns the files' new keys.

    Raises BadData for a file that should be loaded but that no load has read.
    """
    unread = [
        file.source_file for file in manifest.files if file.outcome is Outcome.LOAD and file.file_id not in rows_read
    ]
    if unread:
        raise BadData(f"No load has read {', '.join(unread)}; nothing was archived. Run the batch again.")
    return in_parallel(
        lambda file: _archive_file(zone, manifest, file, rows_read.get(file.file_id, {})), manifest.files
    )


def archive_abandoned(
    zone: LandingZone,
    manifest: Manifest,
    rows_read: Mapping[str, Mapping[str, int | str]],
    decided: Set[str],
    reason: str,
) -> list[ManifestFile]:
    """Moves the files of an abandoned batch: loaded files go to the archive as usual, all others to rejected/files/,
    with the reason. Safe to run again. Returns the files with their final outcomes.

    `decided`: the datasets with a load result, whose rejected records may have been written. The contents of their
    files count as seen, so that the same file, sent again, does not duplicate these records.
    """
    unread = {file.file_id for file in manifest.files if file.outcome is Outcome.LOAD and file.file_id not in rows_read}
    names = [file.source_file for file in manifest.files if file.file_id in unread]
    result = []
    for file in manifest.files:
        abandoned = file.file_id in unread or (
            file.outcome is Outcome.CONVERTED and any(is_made_of(file.source_file, name) for name in names)
        )
        if abandoned and file.dataset in decided:
            enter_content(zone, manifest.batch_id, file)
        final = replace(file, outcome=Outcome.ABANDONED, reason=reason) if abandoned else file
        try:
            _archive_file(zone, manifest, final, rows_read.get(file.file_id, {}))
        except GoneError:
            # A missing file may be the reason why the batch is abandoned, so it is not an error here.
            final = replace(
                final, reason="; ".join(filter(None, (final.reason, "it was deleted before it could be moved")))
            )
        result.append(final)
    return result


def _archive_file(zone: LandingZone, manifest: Manifest, file: ManifestFile, facts: Mapping[str, int | str]) -> str:
    target = archive_key(zone, manifest, file)
    if file.outcome in UNREAD:
        zone.store.put_json(
            f"{target}{REASON}", {"file": file.source_file, "reason": file.reason, "batch_id": manifest.batch_id}
        )
    enter(
        zone, manifest.batch_id, file, {"outcome": file.outcome, "reason": file.reason, "archived_to": target, **facts}
    )
    zone.store.move(file.version, target)
    return target


def archive_key(zone: LandingZone, manifest: Manifest, file: ManifestFile) -> str:
    """The key that a file is moved to. It contains the version's id, so that two versions of one name in one batch do
    not overwrite each other. A `..` is replaced, because on a disk it leads out of the folder.

    If the name is too long for a key, only its end is kept, which says most. The ledger and the reports have the whole
    name.
    """
    root = f"{zone.rejected}{QUARANTINE}" if file.outcome in UNREAD else zone.archive
    folder = f"{root}{manifest.batch_id}/{file.file_id[:8]}/"
    name = "/".join(safe_name(part) if part in (".", "..") else part for part in file.key.split("/"))
    room = KEY_BYTES - len(f"{folder}{REASON}".encode())
    return folder + name.encode()[-room:].decode("utf-8", "ignore")
