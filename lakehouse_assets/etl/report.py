"""The load report: what became of each file and each row of a batch. It is what people read, and what `lakehouse load
--json` prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import asdict
from typing import Any

from lakehouse_assets.etl import status as statuses
from lakehouse_assets.etl.engines.base import FileCounts, Judgement
from lakehouse_assets.landing.model import Manifest, ManifestFile, Outcome, Skipped

NOTHING_TO_DO: dict[str, Any] = {
    "batch_id": None,
    "status": statuses.NOTHING_TO_DO,
    "datasets": {},
    "rows_aside": 0,
    "files": [],
}


def load_report(
    manifest: Manifest,
    judgements: Mapping[str, Judgement],
    status: str,
    error: str | None = None,
    run_by: Mapping[str, str | None] | None = None,
) -> dict[str, Any]:
    """One object: batch_id, status (as `etl.status` names them), error, who ran it (`run_by`), when it was frozen, per
    dataset its counts, reasons and warnings, and the numbers that a `Judgement` explains, per file its outcome, and
    `rows_aside`: how many rows the files and sheets have that were not taken (None: some cannot be counted)."""
    files = file_reports(manifest, judgements)
    aside = [file["rows_aside"] for file in files]
    return {
        "batch_id": manifest.batch_id,
        "status": status,
        "error": error,
        "run_by": dict(run_by or {}),
        "created_at": manifest.created_at,
        "datasets": {dataset: asdict(judgement.counts) for dataset, judgement in judgements.items()},
        **{name: _told(judgements, name) for name in ("healed", "resolved", "waiting", "differing")},
        "reasons": {dataset: judgement.reasons for dataset, judgement in judgements.items() if judgement.reasons},
        "warnings": {dataset: judgement.warnings for dataset, judgement in judgements.items() if judgement.warnings},
        "rows_aside": None if None in aside else sum(aside),
        "files": files,
    }


def _told(judgements: Mapping[str, Judgement], name: str) -> dict[str, int]:
    """One of a judgement's numbers for each dataset that has it."""
    return {dataset: number for dataset, judgement in judgements.items() if (number := getattr(judgement, name))}


def report_in_words(report: Mapping[str, Any]) -> str:
    """For a message: per dataset what became of its rows, and which files were set aside. Counts only: a row's values
    may be personal data.
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


def _rows_aside(file: Mapping[str, Any]) -> str:
    rows = file.get("rows_aside")
    return f" ({rows:,} row{'s' * (rows != 1)})" if rows else ""


def file_reports(manifest: Manifest, judgements: Mapping[str, Judgement]) -> list[dict[str, Any]]:
    """Each file and sheet of the batch. A converted workbook stands for itself only when no sheet does."""
    counted = {file_id: counts for judgement in judgements.values() for file_id, counts in judgement.files.items()}
    converted = {file.key for file in manifest.files if file.outcome is Outcome.CONVERTED}
    files = [
        _file_report(file, counted.get(file.file_id))
        for file in manifest.files
        if file.outcome is not Outcome.CONVERTED
    ]
    reports = [*files, *map(_skipped_report, manifest.skipped)]
    return [report | {"workbook": _workbook(report["source_file"], converted)} for report in reports]


def _file_report(file: ManifestFile, counts: FileCounts | None) -> dict[str, Any]:
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
    }


def _skipped_report(skipped: Skipped) -> dict[str, Any]:
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
    }


def facts_of(manifest: Manifest, judgements: Mapping[str, Judgement]) -> dict[str, dict[str, int | str]]:
    """What the loads say of each file that they read, by its id: for the ledger."""
    by_id = {file.file_id: file for file in manifest.files}
    return {
        file_id: {
            "outcome": str(outcome_of(by_id[file_id], counts)),
            "read": counts.read,
            "rejected": counts.rejected,
            "changed": counts.changed,
        }
        for judgement in judgements.values()
        for file_id, counts in judgement.files.items()
    }


def outcome_of(file: ManifestFile, counts: FileCounts | None) -> Outcome:
    """Of a file that was to be loaded: not loaded where no load has read it to the end, a duplicate where its content
    is known and changed nothing, else loaded."""
    if file.outcome is not Outcome.LOAD:
        return file.outcome
    if counts is None:
        return Outcome.NOT_LOADED
    return Outcome.DUPLICATE if file.seen_before and not counts.changed else Outcome.LOADED


def _why_repeated(file: ManifestFile) -> str:
    """What is known of the batch that brought the content first: a ledger entry of an older version does not say how
    many of its rows were accepted."""
    if file.accepted_before is None:
        return "its content came before"
    return (
        "its content was loaded before"
        if file.accepted_before
        else "its content came before; all its rows were rejected then"
    )


def _workbook(name: str, converted: Set[str]) -> str | None:
    """The upload whose sheet has this name. Files may have a `#` in their names, too."""
    marks = (place for place, character in enumerate(name) if character == "#")
    return next((name[:place].split("/", 1)[-1] for place in marks if name[:place] in converted), None)


def _short(file: ManifestFile) -> str:
    """raw/<dataset>/x/y.csv is known as x/y.csv, uploads/book.xlsx#sheet as book.xlsx#sheet."""
    return (
        file.source_file.split(f"/{file.dataset}/", 1)[-1]
        if file.source_file == file.key
        else file.source_file.split("/", 1)[-1]
    )
