"""How a batch ended: one word for programs, one line for people. Whoever asks whether a batch has succeeded asks
here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lakehouse_assets.etl.engines.base import Judgement
from lakehouse_assets.landing.model import ManifestFile, Outcome

SUCCEEDED, WITH_REJECTS, FAILED, ABANDONED, NOTHING_TO_DO = (
    "succeeded",
    "succeeded_with_rejects",
    "failed",
    "abandoned",
    "nothing_to_do",
)
NOT_TAKEN = (Outcome.QUARANTINED, Outcome.IGNORED, Outcome.ABANDONED)
"""The outcomes of files and sheets of which no row was read."""


def status_of(judgements: Iterable[Judgement], files: Iterable[ManifestFile], usual: float) -> str:
    """The status of a batch whose every dataset is loaded. `usual`: the share of rows (0 to 1) above which rejects are
    told of: of a dataset the rejected ones, of the batch those in quarantined files. A batch whose files are all
    quarantined is no plain success either."""
    counted = [(it.counts.rejected, it.counts.read + it.counts.retried) for it in judgements]
    read = sum(rows for _, rows in counted)
    quarantined = [file.rows_aside or 0 for file in files if file.outcome is Outcome.QUARANTINED]
    if quarantined:
        counted.append((sum(quarantined), read + sum(quarantined)) if read else (1, 1))
    return WITH_REJECTS if any(rows and lost / rows > usual for lost, rows in counted) else SUCCEEDED


def has_succeeded(report: Mapping[str, Any]) -> bool:
    return report["status"] in (SUCCEEDED, WITH_REJECTS)


def rejected_shares(report: Mapping[str, Any]) -> dict[str, float]:
    """The rejected share of each dataset of which the batch had rows. Rows that wait for a parent count as rejected."""
    seen = {dataset: counts["read"] + counts["retried"] for dataset, counts in report["datasets"].items()}
    return {dataset: report["datasets"][dataset]["rejected"] / rows for dataset, rows in seen.items() if rows}


def not_taken(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The files and sheets of which no row was read, in the report's order. A sheet without rows is none of them."""
    return [file for file in report["files"] if file["outcome"] in NOT_TAKEN and file.get("rows_aside") != 0]


def in_words(report: Mapping[str, Any]) -> str:
    """As "succeeded with rejects; 2 files and 1 sheet were not taken"."""
    status = str(report["status"]).replace("_", " ")
    aside = not_taken(report)
    return f"{status}; {counted(aside)} {'was' if len(aside) == 1 else 'were'} not taken" if aside else status


def subject_of(report: Mapping[str, Any]) -> str:
    """Of the message about a batch."""
    return f"A batch {str(report['status']).replace('_', ' ')}"


def counted(files: Iterable[Mapping[str, Any]]) -> str:
    """How many files and sheets these are."""
    kinds = ["sheet" if file.get("workbook") else "file" for file in files]
    numbers = [(kinds.count(kind), kind) for kind in ("file", "sheet")]
    return " and ".join(f"{number:,} {kind}{'s' * (number != 1)}" for number, kind in numbers if number)
