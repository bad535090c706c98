"""Makes the load report: the outcome of each file and each row of a batch. `report_types` describes its keys."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import asdict
from typing import cast

from lakehouse_assets.etl import status as statuses
from lakehouse_assets.etl.engines.base import Counts, FileCounts, LoadResult
from lakehouse_assets.etl.report_types import DatasetCounts, FileReport, LoadReport, NoBatch, RunBy, Status
from lakehouse_assets.landing.local_files import Ignored
from lakehouse_assets.landing.model import Manifest, ManifestFile, Outcome, Skipped

NOTHING_TO_DO: NoBatch = {
    "batch_id": None,
    "status": statuses.NOTHING_TO_DO,
    "datasets": {},
    "rows_aside": 0,
    "files": [],
}


def load_report(
    manifest: Manifest,
    load_results: Mapping[str, LoadResult],
    status: Status,
    error: str | None = None,
    run_by: RunBy | None = None,
) -> LoadReport:
    """The report of a batch, from its manifest and the load results of its datasets so far."""
    files = file_reports(manifest, load_results)
    aside = [file["rows_aside"] for file in files]
    known = [rows for rows in aside if rows is not None]
    return {
        "batch_id": manifest.batch_id,
        "status": status,
        "error": error,
        "run_by": run_by or {},
        "created_at": manifest.created_at,
        "datasets": {dataset: _counts(load_result.counts) for dataset, load_result in load_results.items()},
        "healed": _numbers(load_results, "healed"),
        "resolved": _numbers(load_results, "resolved"),
        "waiting": _numbers(load_results, "waiting"),
        "differing": _numbers(load_results, "differing"),
        "reasons": {
            dataset: load_result.reasons for dataset, load_result in load_results.items() if load_result.reasons
        },
        "warnings": {
            dataset: load_result.warnings for dataset, load_result in load_results.items() if load_result.warnings
        },
        "rows_aside": sum(known) if len(known) == len(aside) else None,
        "files": files,
    }


def _counts(counts: Counts) -> DatasetCounts:
    return cast("DatasetCounts", asdict(counts))


def _numbers(load_results: Mapping[str, LoadResult], name: str) -> dict[str, int]:
    """One count of the load results by dataset, without zeros."""
    return {dataset: number for dataset, load_result in load_results.items() if (number := getattr(load_result, name))}


def report_in_words(report: LoadReport) -> str:
    """The report as the text of a message: the counts of each dataset's rows, and the files that were not loaded. It
    has no values of rows, which may be personal data.
    """
    rows = [
        f"{dataset}: {', '.join(f'{count} {name}' for name, count in counts.items() if count)}"
        for dataset, counts in report["datasets"].items()
    ]
    aside = [f"not taken: {file['name']}{_rows_aside(file)}: {file['reason']}" for file in statuses.not_taken(report)]
    return "\n".join(
        [
            f"Batch {report['batch_id']}: {statuses.in_words(report)}.",
            *rows,
            *aside,
            "`lakehouse history` shows all of it.",
        ]
    )


def _rows_aside(file: FileReport) -> str:
    rows = file.get("rows_aside")
    return f" ({rows:,} row{'s' * (rows != 1)})" if rows else ""


def file_reports(manifest: Manifest, load_results: Mapping[str, LoadResult]) -> list[FileReport]:
    """The reports of all files and sheets of the batch, and of objects that belong to no dataset. A converted workbook
    is represented by its sheets."""
    counted = {
        file_id: counts for load_result in load_results.values() for file_id, counts in load_result.files.items()
    }
    converted = {file.key for file in manifest.files if file.outcome is Outcome.CONVERTED}
    files = [
        _file_report(file, counted.get(file.file_id), converted)
        for file in manifest.files
        if file.outcome is not Outcome.CONVERTED
    ]
    return [*files, *(_skipped_report(skipped, converted) for skipped in manifest.skipped)]


def _file_report(file: ManifestFile, counts: FileCounts | None, converted: Set[str]) -> FileReport:
    outcome = outcome_of(file, counts)
    return {
        "name": file.source_file.split("/", 1)[-1] if file.dataset is None else _short(file),
        "dataset": file.dataset,
        "outcome": str(outcome),
        "reason": file.reason or (_why_repeated(file) if outcome is Outcome.DUPLICATE else None),
        "read": counts.read if counts else 0,
        "rejected": counts.rejected if counts else 0,
        "rows_aside": file.rows_aside if outcome in statuses.NOT_TAKEN else 0,
        "warnings": [
            *file.warnings,
            *(f"{rows} rows: {rule}" for rule, rows in (counts.warnings if counts else {}).items()),
        ],
        "source_file": file.source_file,
        "workbook": _workbook(file.source_file, converted),
    }


def _skipped_report(skipped: Skipped, converted: Set[str]) -> FileReport:
    return {
        "name": skipped.name.split("/", 1)[-1],
        "dataset": None,
        "outcome": str(skipped.outcome),
        "reason": skipped.reason,
        "read": 0,
        "rejected": 0,
        "rows_aside": skipped.rows,
        "warnings": [],
        "source_file": skipped.name,
        "workbook": _workbook(skipped.name, converted),
    }


def ignored_report(item: Ignored) -> FileReport:
    """The report of a file on the command line that is not uploaded."""
    return {
        "name": item.name,
        "reason": item.reason,
        "source_file": None,
        "workbook": None,
        "dataset": None,
        "outcome": str(Outcome.IGNORED),
        "read": 0,
        "rejected": 0,
        "rows_aside": None,
        "warnings": [],
    }


def facts_of(manifest: Manifest, load_results: Mapping[str, LoadResult]) -> dict[str, dict[str, int | str]]:
    """The outcome and counts of each file that was loaded, by file id, for the ledger."""
    by_id = {file.file_id: file for file in manifest.files}
    return {
        file_id: {
            "outcome": str(outcome_of(by_id[file_id], counts)),
            "read": counts.read,
            "rejected": counts.rejected,
            "changed": counts.changed,
        }
        for load_result in load_results.values()
        for file_id, counts in load_result.files.items()
    }


def outcome_of(file: ManifestFile, counts: FileCounts | None) -> Outcome:
    """The outcome of a file. A file to load is not_loaded if no load has finished it, a duplicate if its content was
    seen before and changed nothing, and loaded otherwise.
    """
    if file.outcome is not Outcome.LOAD:
        return file.outcome
    if counts is None:
        return Outcome.NOT_LOADED
    return Outcome.DUPLICATE if file.seen_before and not counts.changed else Outcome.LOADED


def _why_repeated(file: ManifestFile) -> str:
    """The reason of a duplicate. A ledger entry of an older version does not say how many rows were accepted."""
    if file.accepted_before is None:
        return "its content came before"
    return (
        "its content was loaded before"
        if file.accepted_before
        else "its content came before; all its rows were rejected then"
    )


def _workbook(name: str, converted: Set[str]) -> str | None:
    """The name of the workbook that the sheet of this name is from. File names may contain a `#`, too."""
    marks = (place for place, character in enumerate(name) if character == "#")
    return next((name[:place].split("/", 1)[-1] for place in marks if name[:place] in converted), None)


def _short(file: ManifestFile) -> str:
    """The name without the folder: x/y.csv of raw/<dataset>/x/y.csv, book.xlsx#sheet of uploads/book.xlsx#sheet."""
    return (
        file.source_file.split(f"/{file.dataset}/", 1)[-1]
        if file.source_file == file.key
        else file.source_file.split("/", 1)[-1]
    )
