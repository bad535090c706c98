"""After the load: exactly the manifest's files leave raw/ and uploads/, each entered into the ledger, copied, verified,
deleted, in that order. Re-runnable.

What was read goes to archived/<batch>/, what was set aside to rejected/files/<batch>/ with its reason beside it.
Nothing goes without evidence that it was read.
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
"""What is set aside under rejected/files/ rather than archived."""
REASON = ".reason.json"


def archive(zone: LandingZone, manifest: Manifest, rows_read: Mapping[str, Mapping[str, int | str]]) -> list[str]:
    """Moves the batch's files. `rows_read`: what the load says of each file (file_id to counts and outcome). Returns
    the keys where they are now.

    Raises BadData for a file that was to be loaded and of which the load says nothing.
    """
    unread = [
        file.source_file for file in manifest.files if file.outcome is Outcome.LOAD and file.file_id not in rows_read
    ]
    if unread:
        raise BadData(f"No load has read {', '.join(unread)}; nothing was archived. Run the batch again.")
    return in_parallel(
        lambda file: _archive_file(zone, manifest, file, rows_read.get(file.file_id, {})), manifest.files
    )


def set_aside(
    zone: LandingZone,
    manifest: Manifest,
    rows_read: Mapping[str, Mapping[str, int | str]],
    judged: Set[str],
    reason: str,
) -> list[ManifestFile]:
    """Of a batch that is given up: what was loaded is archived as ever, all other files go to rejected/files/ with the
    reason. Re-runnable.

    `judged`: the datasets whose rejected records may have been written. Their contents count as seen, so that the same
    file, sent again, does not double them. Returns the files with what became of them.
    """
    unread = {file.file_id for file in manifest.files if file.outcome is Outcome.LOAD and file.file_id not in rows_read}
    names = [file.source_file for file in manifest.files if file.file_id in unread]
    result = []
    for file in manifest.files:
        given_up = file.file_id in unread or (
            file.outcome is Outcome.CONVERTED and any(is_made_of(file.source_file, name) for name in names)
        )
        if given_up and file.dataset in judged:
            enter_content(zone, manifest.batch_id, file)
        became = replace(file, outcome=Outcome.ABANDONED, reason=reason) if given_up else file
        try:
            _archive_file(zone, manifest, became, rows_read.get(file.file_id, {}))
        except GoneError:
            # Perhaps the very reason why the batch is given up.
            became = replace(
                became, reason="; ".join(filter(None, (became.reason, "it was deleted before it could be moved")))
            )
        result.append(became)
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
    """Holds the version's id: two versions of one name in one batch do not overwrite each other. A `..` is replaced: on
    a disk it leads out of the folder.

    Of a name that does not fit behind the folder its end is kept, where a name says most; the ledger and the reports
    have the whole.
    """
    root = f"{zone.rejected}{QUARANTINE}" if file.outcome in UNREAD else zone.archive
    folder = f"{root}{manifest.batch_id}/{file.file_id[:8]}/"
    name = "/".join(safe_name(part) if part in (".", "..") else part for part in file.key.split("/"))
    room = KEY_BYTES - len(f"{folder}{REASON}".encode())
    return folder + name.encode()[-room:].decode("utf-8", "ignore")
