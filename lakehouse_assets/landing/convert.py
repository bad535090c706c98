"""Converts pending uploads to CSV under raw/<dataset>/: each sheet of a workbook, and each CSV file that was not put
into a dataset's folder.

The name and the header decide the dataset (`routing`). The record of a conversion is written last, by a conditional
write. An interrupted conversion is repeated and finds the CSV files that it has already written. A CSV file keeps the
time of its upload, because that time decides which of two corrections wins.
"""

from __future__ import annotations

import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote, unquote

from lakehouse_assets.errors import BadData, LakehouseError
from lakehouse_assets.landing.csv_files.preflight import UnusableError, route_file
from lakehouse_assets.landing.model import FileVersion, Outcome
from lakehouse_assets.landing.names import safe_name
from lakehouse_assets.landing.order import SHEET, UPLOAD_ORDER
from lakehouse_assets.landing.store import METADATA_BYTES
from lakehouse_assets.landing.workbooks.convert import Sheet, convert_workbook
from lakehouse_assets.landing.zone import LandingZone

SOURCE_FILE, SOURCE_MODIFIED_AT, ROWS, WARNINGS = "source-file", "source-modified-at", "rows", "warnings"
"""S3 metadata of a converted CSV. `source-file` and `warnings` are URL-quoted, because metadata is ASCII. For more
metadata see `landing.order`.
"""
ORDER_BYTES = 64
"""A longer upload-order is ignored: it is a sender's own metadata."""
FOLDER_BYTES = 600
"""For the folders of a converted CSV. A dataset's folder before them and a sheet's name after them also fit into the
1,024 bytes of a key.
"""
WORKBOOKS_AT_ONCE = 2
"""A separate process reads each workbook, and each may use the memory of `WorkbookLimits`. A machine with less memory
converts fewer at once.
"""
WORKBOOK_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0")


def is_workbook(path: Path) -> bool:
    """Whether a file begins as a workbook does, or another archive."""
    with path.open("rb") as file:
        return file.read(4) in WORKBOOK_MAGIC


class SheetRecord(TypedDict):
    """The outcome of one sheet, or of an uploaded CSV file as a whole."""

    name: str
    """The upload's key; for a sheet, upload key#sheet."""
    outcome: Outcome
    """converted or ignored."""
    reason: str | None
    """Why the sheet was ignored, or a remark; None if there is nothing to say."""
    dataset: str | None
    """The dataset that it was converted for; None if it was ignored."""
    rows: int | None
    """Rows of data in the sheet, converted or not; None for a CSV file, or if they cannot be counted."""


class ConversionRecord(TypedDict):
    """The outcome of one upload."""

    key: str
    """The upload's key in the bucket."""
    outcome: Outcome
    """converted, empty or quarantined."""
    reason: str | None
    """Why the upload was quarantined; None otherwise."""
    sheets: list[SheetRecord]
    """The sheets of a workbook, or the CSV file itself; empty if the upload was not converted."""


def convert_uploads(zone: LandingZone, at_once: int = WORKBOOKS_AT_ONCE) -> list[ConversionRecord]:
    """Converts every pending upload that has no record yet. Returns the records written now.

    Converts nothing while a batch is open: that batch is resumed with the files that it has. So an upload that cannot
    be converted now does not block it.
    """
    if zone.store.exists(zone.open_batch_key):
        return []
    with ThreadPoolExecutor(at_once) as pool:
        records = list(pool.map(lambda version: _record(zone, version), zone.store.waiting(zone.uploads)))
    return [record for record in records if record is not None]


def _record(zone: LandingZone, version: FileVersion) -> ConversionRecord | None:
    key = zone.conversion_key(version.file_id)
    if zone.store.exists(key):
        return None
    outcome, reason, sheets = _convert(zone, version)
    record: ConversionRecord = {"key": version.key, "outcome": outcome, "reason": reason, "sheets": sheets}
    zone.store.create_json(key, record)
    return record


def _convert(zone: LandingZone, version: FileVersion) -> tuple[Outcome, str | None, list[SheetRecord]]:
    path, order = zone.local_copy(version), _upload_order(zone, version)
    if not path.stat().st_size:
        return Outcome.EMPTY, None, []
    try:
        return (
            Outcome.CONVERTED,
            None,
            _sheets(zone, version, path, order) if is_workbook(path) else [_csv(zone, version, path, order)],
        )
    except BadData as problem:
        return Outcome.QUARANTINED, str(problem), []
    except LakehouseError as trouble:
        raise type(trouble)(f"{version.key}: {trouble}") from trouble


def _upload_order(zone: LandingZone, version: FileVersion) -> dict[str, str]:
    order = zone.store.metadata(version).get(UPLOAD_ORDER, "")
    return {UPLOAD_ORDER: order} if 0 < len(order) <= ORDER_BYTES else {}


def _sheets(zone: LandingZone, version: FileVersion, path: Path, order: dict[str, str]) -> list[SheetRecord]:
    results: list[SheetRecord] = []
    with tempfile.TemporaryDirectory(dir=zone.scratch) as folder:
        sheets = convert_workbook(path, zone.contracts, Path(folder))
        # Before the first CSV is written: a workbook is either converted or quarantined as a whole.
        names = [f"{version.key}#{sheet.name}" for sheet in sheets]
        metadata = [
            _metadata(version, name, order | _of_sheet(sheet)) for sheet, name in zip(sheets, names, strict=True)
        ]
        for sheet, name, said in zip(sheets, names, metadata, strict=True):
            if sheet.dataset is None or sheet.csv is None:
                results.append(_sheet_record(name, Outcome.IGNORED, sheet.reason, rows=sheet.rows))
                continue
            target = f"{_folder(zone, sheet.dataset, version)}/{sheet.index + 1:03}-{safe_name(sheet.name)}.csv"
            with sheet.csv.open("rb") as body:
                zone.store.create(target, body, said)
            reason = "the sheet is hidden" if sheet.hidden else None
            results.append(_sheet_record(name, Outcome.CONVERTED, reason, sheet.dataset, sheet.rows))
    return results


def _sheet_record(
    name: str, outcome: Outcome, reason: str | None, dataset: str | None = None, rows: int | None = None
) -> SheetRecord:
    return {"name": name, "outcome": outcome, "reason": reason, "dataset": dataset, "rows": rows}


def _of_sheet(sheet: Sheet) -> dict[str, str]:
    warnings = {WARNINGS: quote(json.dumps(sheet.warnings))} if sheet.warnings else {}
    return {ROWS: str(sheet.rows), SHEET: str(sheet.index + 1)} | warnings


def _csv(zone: LandingZone, version: FileVersion, path: Path, order: dict[str, str]) -> SheetRecord:
    """Puts a CSV file into the folder of the dataset that it is for. If its header does not fit that dataset, it is
    quarantined when the batch is frozen, with its rows counted."""
    try:
        found = route_file(path, zone.contracts, own_name(version.key))
    except UnusableError as unusable:
        raise BadData(f"is neither a workbook nor a CSV file that can be read: it {unusable}") from unusable
    if found is None:
        raise BadData("is neither a workbook nor a CSV file with a header: put CSV (UTF-8) or .xlsx there")
    if found.candidate is None:
        raise BadData(found.reason or "")
    with path.open("rb") as body:
        zone.store.create(
            f"{_folder(zone, found.candidate, version)}.csv", body, _metadata(version, version.key, order)
        )
    return _sheet_record(version.key, Outcome.CONVERTED, None, found.candidate)


def _folder(zone: LandingZone, dataset: str, version: FileVersion) -> str:
    """The folder of an upload version's CSV files. Each version has its own, so that two versions of one workbook never
    share a CSV. If the path is too long for a key, its first folders are left out.
    """
    parts = [safe_name(part) for part in version.key.removeprefix(zone.uploads).split("/")]
    while len("/".join(parts).encode()) > FOLDER_BYTES:
        del parts[0]
    return f"{zone.raw}{dataset}/{'/'.join(parts)}/{version.file_id[:8]}"


def _metadata(version: FileVersion, source_file: str, more: dict[str, str]) -> dict[str, str]:
    """Raises BadData if the name does not fit into S3's metadata."""
    metadata = {SOURCE_FILE: quote(source_file), SOURCE_MODIFIED_AT: version.modified.isoformat()} | more
    if sum(len(name) + len(value) for name, value in metadata.items()) > METADATA_BYTES:
        raise BadData(
            f"has a name (its sheets' included) that is too long for S3's metadata, {METADATA_BYTES:,} bytes,"
            " URL-quoted: give it a shorter one"
        )
    return metadata


def own_name(source_file: str) -> str:
    """The name that may contain a dataset's name: a sheet's own name, or a file's name without folders."""
    return source_file.rpartition("#")[2].rpartition("/")[2]


def is_made_of(upload: str, source_file: str) -> bool:
    """Whether a file was converted from this upload: from a sheet of it, or from the CSV file itself."""
    return source_file == upload or source_file.startswith(f"{upload}#")


def provenance(version: FileVersion, metadata: dict[str, str]) -> tuple[str, datetime, int | None]:
    """(source_file, source_modified_at, expected rows) of a file under raw/: those of the upload that it was converted
    from, or its own.

    A sender's file may also have metadata of these names. Only both together mean a conversion.
    """
    rows = metadata.get(ROWS)
    if SOURCE_FILE not in metadata or SOURCE_MODIFIED_AT not in metadata:
        return version.key, version.modified, None
    modified_at = datetime.fromisoformat(metadata[SOURCE_MODIFIED_AT])
    return unquote(metadata[SOURCE_FILE]), modified_at, int(rows) if rows is not None else None


def warnings_of(metadata: dict[str, str]) -> tuple[str, ...]:
    """The warnings of the conversion about a sheet that it converted."""
    if SOURCE_FILE not in metadata or SOURCE_MODIFIED_AT not in metadata or WARNINGS not in metadata:
        return ()
    return tuple(json.loads(unquote(metadata[WARNINGS])))
