"""Freezing a batch: what waits, less what the ledger knows, each file preflighted, becomes a manifest. Later steps read the manifest, never the prefix."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from lakehouse_assets.contracts import Contract
from lakehouse_assets.errors import BadData, TemporaryOutage
from lakehouse_assets.landing.convert import own_name, provenance, warnings_of
from lakehouse_assets.landing.csv_files.column_names import shown
from lakehouse_assets.landing.csv_files.preflight import Preflight, preflight
from lakehouse_assets.landing.ledger import seen_content, unknown_to_ledger
from lakehouse_assets.landing.model import FileVersion, Manifest, ManifestFile, Noticed, Outcome, batch_id_of
from lakehouse_assets.landing.order import SHEET, UPLOAD_ORDER, in_order
from lakehouse_assets.landing.store import in_parallel
from lakehouse_assets.landing.zone import LandingZone

Gate = Literal["all", "any"]


def open_batch(zone: LandingZone) -> Manifest | None:
    """The batch that is under way, or None."""
    pointer = zone.store.get_json(zone.open_batch_key)
    return read_manifest(zone, pointer["batch_id"]) if pointer else None


def read_manifest(zone: LandingZone, batch_id: str) -> Manifest:
    value = zone.store.get_json(zone.manifest_key(batch_id))
    if value is None:
        raise TemporaryOutage(f"The manifest of batch {batch_id} is not at {zone.manifest_key(batch_id)}. Restore it from its older version, then run again.")
    return Manifest.from_json(value)


def freeze(zone: LandingZone, gate: Gate, confirm: Callable[[], None] = lambda: None, *, keep_copies: bool = True) -> Manifest | None:
    """The open batch, or a new one of all that waits. None where nothing waits, or not yet what the gate asks for.

    `confirm` is called before the batch is opened, when all files have been looked at: it raises where this process may not write any more. `keep_copies`: the
    files that were fetched to be looked at stay here for a load on this machine; else a batch may be larger than this machine's disk.

    Order of writes: the manifest, then the pointer to it. A crash between them leaves a manifest that nothing points to; the same files make the same id,
    so the next try finds it there and goes on with it.
    """
    under_way = open_batch(zone)
    if under_way:
        if _status(zone, under_way) == "abandoned":
            raise BadData(f"Batch {under_way.batch_id} is being abandoned, and that was interrupted. Run `lakehouse abandon` again.")
        return under_way
    uploads, fresh, strays = _what_waits(zone)
    if (not fresh and not uploads) or not _is_open(gate, zone, fresh):
        return None
    converted, noticed = _conversions(zone, uploads)
    last = zone.store.get_json(zone.last_file_key)
    inspected = in_order(
        [*in_parallel(lambda version: _inspected(zone, version, keep_copies=keep_copies), fresh), *converted],
        datetime.fromisoformat(last["source_modified_at"]) if last else None,
    )
    files = _without_repeats(inspected)
    if not files:
        return None
    manifest = Manifest(
        batch_id=batch_id_of([file.as_version(zone.store.bucket) for file in files]),
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        files=files,
        noticed=(*noticed, *strays),
        abandoned=tuple(zone.store.get_json(zone.abandoned_key) or ()),
    )
    confirm()
    zone.store.create_json(zone.manifest_key(manifest.batch_id), manifest.to_json())
    zone.store.put_json(zone.last_file_key, {"source_modified_at": max([files[-1].source_modified_at, *([last["source_modified_at"]] if last else [])])})
    zone.store.create_json(zone.open_batch_key, {"batch_id": manifest.batch_id})
    return open_batch(zone)


def work_to_do(zone: LandingZone, gate: Gate) -> str | None:
    """A name for what a batch would do now, the same for the same work; None where nothing waits, or not yet what the gate asks for.

    A batch that was interrupted is work; one that failed is work for a person, and what waits behind it is none before that: it would be the same batch again,
    with every file that lands.
    """
    under_way = open_batch(zone)
    if under_way is not None:
        if _status(zone, under_way) in ("failed", "abandoned"):
            return None
        lease = zone.store.get_json(zone.lease_key)
        return f"{under_way.batch_id}-again-{lease['epoch'] if lease else 0}"
    uploads, fresh, _ = _what_waits(zone)
    waiting = [*uploads, *fresh]
    if not waiting or not (_is_open(gate, zone, fresh) or _are_unknown(zone, uploads)):
        return None
    return batch_id_of(waiting)


def _are_unknown(zone: LandingZone, uploads: list[FileVersion]) -> bool:
    """Whether one of them may hold what the gate asks for: that is known when it is converted."""
    return not all(in_parallel(lambda version: zone.store.exists(zone.conversion_key(version.file_id)), uploads))


@dataclass(frozen=True)
class HeldBack:
    """Files that the gate holds back. `oldest`: the one that waits longest; `missing`: the datasets of which no file waits."""

    oldest: FileVersion
    files: int
    missing: tuple[str, ...]


def held_back(zone: LandingZone, gate: Gate, longer_than: timedelta) -> HeldBack | None:
    """What waits for the gate longer than that. None where nothing does, and while a batch is under way: it takes what waits, or is itself what to look at."""
    if gate == "any" or zone.store.exists(zone.open_batch_key):
        return None
    uploads, fresh, _ = _what_waits(zone)
    oldest = _oldest((*uploads, *fresh))
    if oldest is None or datetime.now(UTC) - oldest.modified < longer_than:
        return None
    present = {_dataset_of(zone, version.key) for version in fresh}
    return HeldBack(oldest, len(uploads) + len(fresh), tuple(dataset for dataset in zone.contracts if dataset not in present))


def waiting_files(zone: LandingZone) -> dict[str, list[FileVersion]]:
    """What lies in each dataset's folder now."""
    inside, _ = _by_dataset(zone, zone.store.waiting(zone.raw))
    return {dataset: [version for version in inside if _dataset_of(zone, version.key) == dataset] for dataset in zone.contracts}


def _status(zone: LandingZone, manifest: Manifest) -> str | None:
    """What the report of a batch says of it; None where none was written yet."""
    report = zone.store.get_json(zone.report_key(manifest))
    return report["status"] if report else None


def waiting_since(zone: LandingZone) -> datetime | None:
    """When the oldest file landed that no batch has taken yet (the one under way has not until it is archived); None where none waits."""
    uploads, fresh, _ = _what_waits(zone)
    oldest = _oldest((*uploads, *fresh))
    return oldest.modified if oldest else None


def _oldest(versions: Iterable[FileVersion]) -> FileVersion | None:
    return min(versions, key=lambda version: (version.modified, version.key), default=None)


def close_batch(zone: LandingZone, batch_id: str) -> None:
    """The batch is done: the pointer goes, and with it the copies that were made for its loads."""
    pointer = zone.store.get_json(zone.open_batch_key)
    if pointer and pointer["batch_id"] == batch_id:
        zone.store.delete(zone.open_batch_key)
    shutil.rmtree(zone.scratch / "files", ignore_errors=True)
    zone.store.delete_all(zone.staging_prefix)


def _what_waits(zone: LandingZone) -> tuple[list[FileVersion], list[FileVersion], list[Noticed]]:
    """Uploads, files in a dataset's folder (both less what the ledger knows), and what lies in none."""
    uploads = unknown_to_ledger(zone, zone.store.waiting(zone.uploads))
    raw, strays = _by_dataset(zone, zone.store.waiting(zone.raw))
    return uploads, unknown_to_ledger(zone, raw), strays


def _is_open(gate: Gate, zone: LandingZone, fresh: list[FileVersion]) -> bool:
    return gate == "any" or {_dataset_of(zone, version.key) for version in fresh} == set(zone.contracts)


def _dataset_of(zone: LandingZone, key: str) -> str:
    return key.removeprefix(zone.raw).split("/", 1)[0]


def _by_dataset(zone: LandingZone, versions: list[FileVersion]) -> tuple[list[FileVersion], list[Noticed]]:
    """What lies in a dataset's folder, and what does not: that is left alone and reported."""
    inside = [version for version in versions if "/" in version.key.removeprefix(zone.raw) and _dataset_of(zone, version.key) in zone.contracts]
    ids = {version.file_id for version in inside}
    reason = f"lies in no dataset's folder ({', '.join(f'{zone.raw}{dataset}/' for dataset in zone.contracts)}); left where it is"
    return inside, [Noticed(version.key, Outcome.IGNORED, reason) for version in versions if version.file_id not in ids]


def _inspected(zone: LandingZone, version: FileVersion, *, keep_copies: bool) -> ManifestFile:
    dataset = _dataset_of(zone, version.key)
    metadata = zone.store.metadata(version)
    source_file, source_modified_at, rows = provenance(version, metadata)
    copy = zone.local_copy(version)
    found = preflight(copy, zone.contracts[dataset], contracts=zone.contracts, name=own_name(source_file))
    if not keep_copies:
        copy.unlink()
    seen = None if found.problem or found.empty else seen_content(zone, dataset, found.sha256)
    return ManifestFile.of(
        version,
        dataset=dataset,
        source_file=source_file,
        source_modified_at=source_modified_at,
        outcome=Outcome.QUARANTINED if found.problem else Outcome.EMPTY if found.empty else Outcome.LOAD,
        reason=found.problem,
        content=found.sha256,
        seen_before=seen is not None,
        accepted_before=seen.accepted if seen else None,
        expected_rows=rows,
        header=found.header,
        delimiter=found.delimiter,
        compression=found.compression,
        regular=_is_regular(found),
        quoted=found.quoted,
        multiline=found.multiline,
        skipped_lines=found.skipped_lines,
        warnings=(*warnings_of(metadata), *_warnings(found, zone.contracts[dataset])),
        rows_aside=found.rows_aside,
        upload_order=metadata.get(UPLOAD_ORDER, ""),
        sheet=int(sheet) if (sheet := metadata.get(SHEET, "")).isdecimal() else 0,
    )


def _is_regular(found: Preflight) -> bool:
    """Whether the strict reader may take it: one kind of line end, the header is the first line, and gzip without padding."""
    return not found.padded and found.newline in ("", "\n", "\r\n") and not found.skipped_lines and found.header_lines == 1


def _warnings(found: Preflight, contract: Contract) -> tuple[str, ...]:
    kept = [name for name in found.absent_columns if name in contract.kept_names]
    emptied = [name for name in found.absent_columns if name not in contract.kept_names]
    said = {
        "columns that the contract does not know": [*map(shown, found.extra_columns)],
        "columns that the file lacks, whose values in the table stay": kept,
        "columns that the file lacks, read as empty": emptied,
    }
    return tuple(f"{what}: {', '.join(names)}" for what, names in said.items() if names) + found.notes


def _without_repeats(files: tuple[ManifestFile, ...]) -> tuple[ManifestFile, ...]:
    """Of files with one content in one batch the latest is loaded: whatever an earlier copy says, it says too, and it wins over what came between them."""
    latest = {(file.dataset, file.content): file for file in files}
    return tuple(_as_duplicate(file, latest[file.dataset, file.content]) for file in files)


def _as_duplicate(file: ManifestFile, latest: ManifestFile) -> ManifestFile:
    if file is latest or file.outcome is not Outcome.LOAD:
        return file
    return replace(file, outcome=Outcome.DUPLICATE, reason=f"the same content as {latest.source_file}")


def _conversions(zone: LandingZone, uploads: Iterable[FileVersion]) -> tuple[list[ManifestFile], list[Noticed]]:
    """The uploads themselves (they are archived with the batch), and their sheets that became no CSV."""
    files, noticed = [], []
    for version in uploads:
        record = zone.store.get_json(zone.conversion_key(version.file_id))
        if record is None:
            continue
        files.append(
            ManifestFile.of(
                version,
                dataset=None,
                source_file=version.key,
                source_modified_at=version.modified.isoformat(),
                outcome=Outcome(record["outcome"]),
                reason=record["reason"],
            )
        )
        noticed += [Noticed(s["name"], Outcome.IGNORED, s["reason"], s["rows"]) for s in record["sheets"] if s["outcome"] == Outcome.IGNORED]
    return files, noticed
