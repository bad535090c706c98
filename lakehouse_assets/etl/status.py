"""The status of a batch: one word for programs, one line for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lakehouse_assets.etl.engines.base import LoadResult
from lakehouse_assets.etl.report_types import FileReport, LoadReport, Report, Status
from lakehouse_assets.landing.model import ManifestFile, Outcome

SUCCEEDED: Final = "succeeded"
WITH_REJECTS: Final = "succeeded_with_rejects"
FAILED: Final = "failed"
ABANDONED: Final = "abandoned"
NOTHING_TO_DO: Final = "nothing_to_do"
NOT_TAKEN = (Outcome.QUARANTINED, Outcome.IGNORED, Outcome.ABANDONED)
"""The outcomes of files and sheets that were not read."""


def status_of(load_results: Iterable[LoadResult], files: Iterable[ManifestFile], usual: float) -> Status:
    """The status of a batch whose datasets are all loaded.

    `usual`: the share of rows (0 to 1) above which the batch succeeded with rejects. It is compared with the share of
    rejected rows of each dataset, and with the batch's share of rows in quarantined files. A batch whose files are all
    quarantined succeeded with rejects, too.
    """
    counted = [(it.counts.rejected, it.counts.read + it.counts.retried) for it in load_results]
    read = sum(rows for _, rows in counted)
    quarantined = [file.rows_aside or 0 for file in files if file.outcome is Outcome.QUARANTINED]
    if quarantined:
        counted.append((sum(quarantined), read + sum(quarantined)) if read else (1, 1))
    return WITH_REJECTS if any(rows and lost / rows > usual for lost, rows in counted) else SUCCEEDED


def has_succeeded(report: Report) -> bool:
    return report["status"] in (SUCCEEDED, WITH_REJECTS)


def rejected_shares(report: Report) -> dict[str, float]:
    """The share of rejected rows (0 to 1) of each dataset that had rows. Rows that wait for a parent are included."""
    seen = {dataset: counts["read"] + counts["retried"] for dataset, counts in report["datasets"].items()}
    return {dataset: report["datasets"][dataset]["rejected"] / rows for dataset, rows in seen.items() if rows}


def not_taken(report: Report) -> list[FileReport]:
    """The files and sheets that were not read, in the report's order, without sheets that have no rows."""
    return [file for file in report["files"] if file["outcome"] in NOT_TAKEN and file.get("rows_aside") != 0]


def in_words(report: Report) -> str:
    """The status as a phrase: "succeeded with rejects; 2 files and 1 sheet were not taken"."""
    status = str(report["status"]).replace("_", " ")
    aside = not_taken(report)
    return f"{status}; {counted(aside)} {'was' if len(aside) == 1 else 'were'} not taken" if aside else status


def subject_of(report: LoadReport) -> str:
    """The subject of the message about a batch: "A batch succeeded"."""
    return f"A batch {str(report['status']).replace('_', ' ')}"


def counted(files: Iterable[FileReport]) -> str:
    """The numbers of files and sheets: "2 files and 1 sheet"."""
    kinds = ["sheet" if file.get("workbook") else "file" for file in files]
    numbers = [(kinds.count(kind), kind) for kind in ("file", "sheet")]
    return " and ".join(f"{number:,} {kind}{'s' * (number != 1)}" for number, kind in numbers if number)
