"""The load report: what it says of each file, and the line about the whole batch."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lakehouse_assets.etl.engines.base import Counts, FileCounts, LoadResult
from lakehouse_assets.etl.report import NOTHING_TO_DO, load_report, report_in_words
from lakehouse_assets.etl.report_types import DatasetCounts, FileReport, LoadReport, NoBatch, RunBy, Status
from lakehouse_assets.etl.status import in_words
from lakehouse_assets.landing.model import FileVersion, Manifest, ManifestFile, Outcome, Skipped

APRIL = datetime(2025, 4, 1, tzinfo=UTC)
VERSION = FileVersion("bucket", "raw/orders/o.csv", "v", "e", 1, APRIL)
FILE = ManifestFile(VERSION, "orders", VERSION.key, APRIL, Outcome.LOAD)
OTHER = replace(VERSION, version_id="other")


def book(**found: Any) -> ManifestFile:
    version = replace(VERSION, key="uploads/b.xlsx")
    return replace(FILE, version=version, dataset=None, source_file=version.key, **found)


def reported(
    *files: ManifestFile,
    read: dict[str, FileCounts] | None = None,
    skipped: tuple[Skipped, ...] = (),
    status: Status = "succeeded",
) -> LoadReport:
    """The report of a batch of these files, of which a load has read some."""
    load_results = {"orders": LoadResult(Counts(), read, {}, {}, 0)} if read is not None else {}
    return load_report(Manifest("b1", "2025-04-01T00:00:00+00:00", files, skipped), load_results, status)


def test_a_file_of_a_batch_that_failed_before_it_was_loaded_is_said_to_be_not_loaded() -> None:
    report = reported(
        FILE,
        replace(FILE, version=OTHER, dataset="products", seen_before=True),
        read={FILE.file_id: FileCounts(2, 1, 1)},
        status="failed",
    )
    assert [(file["outcome"], file["reason"], file["read"]) for file in report["files"]] == [
        ("loaded", None, 2),
        ("not_loaded", None, 0),
    ]


@pytest.mark.parametrize(
    ("accepted", "reason"),
    [
        (2, "its content was loaded before"),
        (0, "its content came before; all its rows were rejected then"),
        (None, "its content came before"),
    ],
)
def test_a_repeated_file_says_what_became_of_its_content_before(accepted: int | None, reason: str) -> None:
    [file] = reported(
        replace(FILE, seen_before=True, accepted_before=accepted), read={FILE.file_id: FileCounts(2, 2, 0)}
    )["files"]
    assert (file["outcome"], file["reason"]) == ("duplicate", reason)


def test_the_rows_of_every_file_and_sheet_that_was_not_taken_are_in_the_sum() -> None:
    aside = replace(FILE, version=OTHER, outcome=Outcome.QUARANTINED, reason="is not UTF-8", rows_aside=7)
    sheets = (
        Skipped("uploads/b.xlsx#Orders", Outcome.IGNORED, "no dataset has these columns", 61),
        Skipped("uploads/b.xlsx#Empty", Outcome.IGNORED, "empty", 0),
    )
    report = reported(
        FILE, aside, book(outcome=Outcome.CONVERTED), read={FILE.file_id: FileCounts(2, 0, 2)}, skipped=sheets
    )
    assert report["rows_aside"] == 68
    assert [(file["name"], file["rows_aside"]) for file in report["files"]] == [
        ("o.csv", 0),
        ("o.csv", 7),
        ("b.xlsx#Orders", 61),
        ("b.xlsx#Empty", 0),
    ]
    assert in_words(report) == "succeeded; 1 file and 1 sheet were not taken"
    assert "not taken: b.xlsx#Orders (61 rows): no dataset has these columns" in report_in_words(report).splitlines()


def test_where_some_rows_cannot_be_counted_no_sum_is_claimed() -> None:
    report = reported(
        FILE,
        book(outcome=Outcome.QUARANTINED, reason="the workbook is damaged"),
        read={FILE.file_id: FileCounts(2, 0, 2)},
    )
    assert report["rows_aside"] is None
    assert in_words(report) == "succeeded; 1 file was not taken"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("succeeded", "succeeded"),
        ("succeeded_with_rejects", "succeeded with rejects"),
        ("failed", "failed"),
        ("abandoned", "abandoned"),
    ],
)
def test_a_report_of_an_older_version_is_read(status: str, said: str) -> None:
    """It does not know `rows_aside`, nor which workbook a sheet is of."""
    file: dict[str, Any] = {
        "name": "o.csv",
        "dataset": "orders",
        "outcome": "loaded",
        "reason": None,
        "read": 1,
        "rejected": 0,
        "warnings": [],
        "source_file": "raw/orders/o.csv",
    }
    aside = file | {"outcome": "quarantined", "reason": "is not UTF-8"}
    old: Any = {"batch_id": "b1", "status": status, "datasets": {}, "files": [file, aside]}
    assert in_words(old) == f"{said}; 1 file was not taken"
    assert "not taken: o.csv: is not UTF-8" in report_in_words(old).splitlines()


def test_the_types_name_every_key_of_a_report_and_no_other() -> None:
    stray = Skipped("raw/stray.csv", Outcome.IGNORED, "lies in no dataset's folder")
    run_by: RunBy = {"name": "lakehouse load", "execution": None, "link": None}
    manifest = Manifest("b1", "2025-04-01T00:00:00+00:00", (FILE,), (stray,))
    load_results = {"orders": LoadResult(Counts(read=1, inserted=1), {FILE.file_id: FileCounts(1, 0, 1)}, {}, {}, 0)}
    report = load_report(manifest, load_results, "succeeded", None, run_by)
    assert report.keys() == LoadReport.__annotations__.keys()
    assert report["datasets"]["orders"].keys() == DatasetCounts.__annotations__.keys()
    assert run_by.keys() == RunBy.__annotations__.keys()
    assert [file.keys() for file in report["files"]] == [FileReport.__annotations__.keys()] * 2
    assert NOTHING_TO_DO.keys() | {"error"} == NoBatch.__annotations__.keys()
