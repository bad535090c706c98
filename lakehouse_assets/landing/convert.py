"""What waits under uploads/ becomes CSV under raw/<dataset>/: each sheet of a workbook, and CSV files that were not put
into a dataset's folder.

Routed by name and header (`routing`). The record of a conversion is written last and by a conditional write; a
conversion cut short is done again and finds its own CSVs there. A CSV keeps the time of the file that it came from,
because that time decides which of two corrections wins.
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
"""S3 metadata of a converted CSV. `source-file` and `warnings` are URL-quoted: metadata is ASCII. Others: see
`landing.order`.
"""
ORDER_BYTES = 64
"""Of a longer upload-order nothing is taken over: it is a sender's own metadata."""
FOLDER_BYTES = 600
"""Of the folders of a converted CSV; a dataset's folder before them and a sheet's name behind them fit into S3's 1,024,
too.
"""
WORKBOOKS_AT_ONCE = 2
"""Each is read by a process of its own, with memory of its own (`WorkbookLimits`). Who has less memory converts fewer
at once.
"""
WORKBOOK_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0")


class SheetRecord(TypedDict):
    """What became of one sheet, or of an uploaded CSV file as a whole."""

    name: str
    """The upload's key; of a sheet upload key#sheet."""
    outcome: Outcome
    """converted or ignored."""
    reason: str | None
    """Why the sheet was ignored, or a remark; None if there is nothing to say."""
    dataset: str | None
    """The dataset that it was converted for; None if it was ignored."""
    rows: int | None
    """Rows of data in the sheet, converted or not; None of a CSV file, or if they cannot be counted."""


class ConversionRecord(TypedDict):
    """What became of one upload."""

    key: str
    """The upload's key in the bucket."""
    outcome: Outcome
    """converted, empty or quarantined."""
    reason: str | None
    """Why the upload was quarantined; None otherwise."""
    sheets: list[SheetRecord]
    """The sheets of a workbook, or the CSV file itself; empty if the upload was not converted."""


def convert_uploads(zone: LandingZone, at_once: int = WORKBOOKS_AT_ONCE) -> list[ConversionRecord]:
    """Converts every waiting upload that has no record yet. Returns the records written now.

    While a batch is open, none: it is gone on with by the files that it has. So an upload that cannot be converted now
    does not hold it up.
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
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        return Outcome.EMPTY, None, []
    try:
        return (
            Outcome.CONVERTED,
            None,
            _sheets(zone, version, path, order) if start in WORKBOOK_MAGIC else [_csv(zone, version, path, order)],
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
        # All of them before the first CSV is there: a workbook is converted as a whole, or set aside as a whole.
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
    """Puts a CSV file into the folder of the dataset that it is for. Where its header does not fit that dataset,
    freezing the batch quarantines it there, with its rows counted."""
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
    """One folder per upload version: two versions of one workbook never share a CSV. Of many folders the last are kept
    that fit into a key.
    """
    parts = [safe_name(part) for part in version.key.removeprefix(zone.uploads).split("/")]
    while len("/".join(parts).encode()) > FOLDER_BYTES:
        del parts[0]
    return f"{zone.raw}{dataset}/{'/'.join(parts)}/{version.file_id[:8]}"


def _metadata(version: FileVersion, source_file: str, more: dict[str, str]) -> dict[str, str]:
    """Raises BadData where the name is longer than S3's metadata."""
    metadata = {SOURCE_FILE: quote(source_file), SOURCE_MODIFIED_AT: version.modified.isoformat()} | more
    if sum(len(name) + len(value) for name, value in metadata.items()) > METADATA_BYTES:
        raise BadData(
            f"has a name (its sheets' included) that is too long for S3's metadata, {METADATA_BYTES:,} bytes,"
            " URL-quoted: give it a shorter one"
        )
    return metadata


def own_name(source_file: str) -> str:
    """The name that may say a dataset: of a sheet its own, of a file without its folders."""
    return source_file.rpartition("#")[2].rpartition("/")[2]


def is_made_of(upload: str, source_file: str) -> bool:
    """Whether this is the name of what an upload was converted to: of a workbook's sheet, or of the CSV itself."""
    return source_file == upload or source_file.startswith(f"{upload}#")


def provenance(version: FileVersion, metadata: dict[str, str]) -> tuple[str, datetime, int | None]:
    """(source_file, source_modified_at, expected rows) of a file under raw/: those of the upload that it was converted
    from, or its own.

    A sender's own file may have metadata of these names, too: only together do they mean ours.
    """
    rows = metadata.get(ROWS)
    if SOURCE_FILE not in metadata or SOURCE_MODIFIED_AT not in metadata:
        return version.key, version.modified, None
    modified_at = datetime.fromisoformat(metadata[SOURCE_MODIFIED_AT])
    return unquote(metadata[SOURCE_FILE]), modified_at, int(rows) if rows is not None else None


def warnings_of(metadata: dict[str, str]) -> tuple[str, ...]:
    """What the conversion said of a sheet that it took."""
    if SOURCE_FILE not in metadata or SOURCE_MODIFIED_AT not in metadata or WARNINGS not in metadata:
        return ()
    return tuple(json.loads(unquote(metadata[WARNINGS])))
