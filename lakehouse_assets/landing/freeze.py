"""Freezes a batch: the pending files that the ledger does not have are preflighted and become a manifest. Later steps
read the manifest and never list the prefix again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from lakehouse_assets.contracts import Contract
from lakehouse_assets.contracts.encodings import UTF_8
from lakehouse_assets.errors import BadData
from lakehouse_assets.landing.column_names import shown
from lakehouse_assets.landing.convert import own_name, provenance, warnings_of
from lakehouse_assets.landing.csv_files.preflight import Preflight, preflight
from lakehouse_assets.landing.ledger import seen_content
from lakehouse_assets.landing.model import FileVersion, Manifest, ManifestFile, Outcome, Skipped, batch_id_of
from lakehouse_assets.landing.order import SHEET, UPLOAD_ORDER, in_order
from lakehouse_assets.landing.stored_manifest import to_json
from lakehouse_assets.landing.waiting import Gate, dataset_of, gate_is_open, open_batch, pending, reported_status
from lakehouse_assets.landing.zone import LandingZone
from lakehouse_assets.parallel import in_parallel


def freeze(
    zone: LandingZone, gate: Gate, confirm: Callable[[], None] = lambda: None, *, keep_copies: bool = True
) -> Manifest | None:
    """The open batch, or else a new one with all pending files. None if no files are pending, or the gate holds them
    back.

    `confirm` is called after all files are preflighted and before the batch is opened; it raises if this process may
    not write any more. `keep_copies`: keep the downloaded files for a load on this machine. Without it a batch may be
    larger than this machine's disk.

    The manifest is written first, then the pointer to it. A crash between them leaves a manifest without a pointer; the
    same files make the same id, so the next call finds that manifest and uses it.

    Raises BadData if the open batch is being abandoned, or if a file was deleted before it could be read.
    """
    under_way = open_batch(zone)
    if under_way:
        if reported_status(zone, under_way) == "abandoned":
            raise BadData(
                f"Batch {under_way.batch_id} is being abandoned, and that was interrupted. Run `lakehouse abandon`"
                " again."
            )
        return under_way
    uploads, fresh, strays = pending(zone)
    if (not fresh and not uploads) or not gate_is_open(gate, zone, fresh):
        return None
    converted, skipped = _conversions(zone, uploads)
    last = zone.store.get_json(zone.last_file_key)
    newest = datetime.fromisoformat(last["source_modified_at"]) if last else None
    inspected = in_parallel(lambda version: _inspected(zone, version, keep_copies=keep_copies), fresh)
    files = _without_repeats(in_order([*inspected, *converted], newest))
    if not files:
        return None
    manifest = Manifest(
        batch_id=batch_id_of([file.version for file in files]),
        created_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        files=files,
        skipped=(*skipped, *strays),
        abandoned=tuple(zone.store.get_json(zone.abandoned_key) or ()),
    )
    confirm()
    zone.store.create_json(zone.manifest_key(manifest.batch_id), to_json(manifest))
    newest = max(filter(None, (files[-1].source_modified_at, newest)))
    zone.store.put_json(zone.last_file_key, {"source_modified_at": newest.isoformat()})
    zone.store.create_json(zone.open_batch_key, {"batch_id": manifest.batch_id})
    return open_batch(zone)


def close_batch(zone: LandingZone, batch_id: str) -> None:
    """Closes a batch: deletes the pointer to it and the copies that were made for its loads."""
    pointer = zone.store.get_json(zone.open_batch_key)
    if pointer and pointer["batch_id"] == batch_id:
        zone.store.delete(zone.open_batch_key)
    shutil.rmtree(zone.scratch / "files", ignore_errors=True)
    zone.store.delete_all(zone.staging_prefix)


def _inspected(zone: LandingZone, version: FileVersion, *, keep_copies: bool) -> ManifestFile:
    dataset = dataset_of(zone, version.key)
    metadata = zone.store.metadata(version)
    source_file, source_modified_at, rows = provenance(version, metadata)
    copy = zone.local_copy(version)
    contract = zone.contracts[dataset]
    # A converted sheet, whose rows are counted, is UTF-8.
    encoding = contract.encoding_of(version.key.removeprefix(f"{zone.raw}{dataset}/")) if rows is None else UTF_8
    found = preflight(copy, contract, contracts=zone.contracts, name=own_name(source_file), encoding=encoding)
    if not keep_copies:
        copy.unlink()
    seen = None if found.problem or found.empty else seen_content(zone, dataset, found.sha256)
    return ManifestFile(
        version=version,
        dataset=dataset,
        source_file=source_file,
        source_modified_at=source_modified_at,
        outcome=Outcome.QUARANTINED if found.problem else Outcome.EMPTY if found.empty else Outcome.LOAD,
        reason=found.problem,
        content=found.sha256,
        seen_before=seen is not None,
        accepted_before=seen.accepted if seen else None,
        expected_rows=rows,
        dialect=found.dialect,
        warnings=(*warnings_of(metadata), *_warnings(found, contract)),
        rows_aside=found.rows_aside,
        upload_order=metadata.get(UPLOAD_ORDER, ""),
        sheet=int(sheet) if (sheet := metadata.get(SHEET, "")).isdecimal() else 0,
    )


def _warnings(found: Preflight, contract: Contract) -> tuple[str, ...]:
    kept = [name for name in found.absent_columns if name in contract.kept_names]
    emptied = [name for name in found.absent_columns if name not in contract.kept_names]
    calculated = [name for name in found.extra_columns if name in contract.names]
    unknown = [name for name in found.extra_columns if name not in contract.names]
    said = {
        "columns that the contract does not know": [*map(shown, unknown)],
        "columns that the contract calculates, not read from the file": calculated,
        "columns that the file lacks, whose values in the table stay": kept,
        "columns that the file lacks, read as empty": emptied,
    }
    return tuple(f"{what}: {', '.join(names)}" for what, names in said.items() if names) + found.notes


def _without_repeats(files: tuple[ManifestFile, ...]) -> tuple[ManifestFile, ...]:
    """Marks all but the latest of several files with the same content as duplicates. The latest has every row of the
    others, and it wins over files that came between them.
    """
    latest = {(file.dataset, file.content): file for file in files}
    return tuple(_as_duplicate(file, latest[file.dataset, file.content]) for file in files)


def _as_duplicate(file: ManifestFile, latest: ManifestFile) -> ManifestFile:
    if file is latest or file.outcome is not Outcome.LOAD:
        return file
    return replace(file, outcome=Outcome.DUPLICATE, reason=f"the same content as {latest.source_file}")


def _conversions(zone: LandingZone, uploads: Iterable[FileVersion]) -> tuple[list[ManifestFile], list[Skipped]]:
    """The converted uploads, which are archived with the batch, and their sheets that were not converted."""
    files, skipped = [], []
    for version in uploads:
        record = zone.store.get_json(zone.conversion_key(version.file_id))
        if record is None:
            continue
        files.append(
            ManifestFile(
                version=version,
                dataset=None,
                source_file=version.key,
                source_modified_at=version.modified,
                outcome=Outcome(record["outcome"]),
                reason=record["reason"],
            )
        )
        skipped += [
            Skipped(sheet["name"], Outcome.IGNORED, sheet["reason"], sheet["rows"])
            for sheet in record["sheets"]
            if sheet["outcome"] == Outcome.IGNORED
        ]
    return files, skipped
