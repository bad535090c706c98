"""The page of the load report."""

from __future__ import annotations

from collections.abc import Mapping

from docs_reference.markdown import block, bullets, code, page, paragraph, plain
from docs_reference.report_words import OUTCOMES, STATUSES
from docs_reference.typed_dicts import keys_of
from lakehouse_assets.etl.report_types import DatasetCounts, FileReport, LoadReport, NoBatch, RejectedReason, Validation

INTRODUCTION = (
    "The load report says what became of each file and each row of a batch. `lakehouse load --json` prints it as one"
    " JSON object, `lakehouse history --json` prints those of all batches, and each is in the bucket, under"
    " `control/reports/`. An object always has `batch_id`, `status`, `datasets`, `rows_aside` and `files`; the other"
    " keys may be absent if there was nothing to load, or if the command failed before there was a batch."
)


def reports_page() -> str:
    """docs/reference/reports.md"""
    return page(
        "Reports",
        INTRODUCTION,
        "## The report",
        _list(keys_of(LoadReport)),
        "## Counts",
        paragraph("Each row ends in exactly one place. If the sums differ, the batch fails before a file is archived:"),
        block("read + retried = inserted + updated + unchanged + duplicates + stale + rejected"),
        _list(keys_of(DatasetCounts)),
        "## Files",
        _list(keys_of(FileReport)),
        "## A load without a batch",
        paragraph(
            "`lakehouse load --json` prints it if no file was pending, or if it failed before a batch was frozen."
        ),
        _list(keys_of(NoBatch)),
        "## A dry run",
        paragraph(
            "`lakehouse validate --json` and `lakehouse load --dry-run --json` print what a load of the files would do."
            " `datasets` and `files` are as above."
        ),
        _list(keys_of(Validation)),
        "### A reason",
        _list(keys_of(RejectedReason)),
        "## Statuses",
        _list(STATUSES),
        "## Outcomes",
        _list({str(outcome): meaning for outcome, meaning in OUTCOMES.items()}),
    )


def _list(described: Mapping[str, str]) -> str:
    return bullets(f"{code(name)}: {plain(text)}" for name, text in described.items())
