"""The load report for people: short where all is well, complete where it is not."""

from __future__ import annotations

from typing import Any

import pytest

from lakehouse_assets.cli.terminal.report_text import MOST_FILES, print_files, print_report
from lakehouse_assets.etl.report import NOTHING_TO_DO
from lakehouse_assets.etl.report_types import FileReport

COUNTS = {
    "read": 40803,
    "retried": 0,
    "inserted": 40800,
    "updated": 0,
    "unchanged": 0,
    "duplicates": 1,
    "stale": 0,
    "rejected": 2,
}


def file(name: str, outcome: str = "loaded", reason: str | None = None, **more: Any) -> Any:
    return {
        "name": name,
        "dataset": "orders",
        "outcome": outcome,
        "reason": reason,
        "read": 10,
        "rejected": 0,
        "warnings": [],
        "source_file": name,
    } | more


def report(**more: Any) -> Any:
    empty: dict[str, Any] = {"healed": {}, "reasons": {}, "warnings": {}, "files": [], "error": None}
    return {"batch_id": "b1", "status": "succeeded", "datasets": {"orders": COUNTS}} | empty | more


def lines(capsys: pytest.CaptureFixture[str], *files: FileReport) -> list[str]:
    print_files(list(files))
    return capsys.readouterr().out.splitlines()[1:]


def test_it_holds_every_count_of_every_dataset(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(report(healed={"orders": 35}))
    out = capsys.readouterr().out
    header, row = next(
        (a.split(), b.split())
        for a, b in zip(out.splitlines(), out.splitlines()[1:], strict=False)
        if a.startswith("dataset")
    )
    assert dict(zip(header[1:], row[1:], strict=True)) == {name: f"{number:,}" for name, number in COUNTS.items()} | {
        "healed": "35"
    }


def test_loaded_sheets_of_a_workbook_share_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    sheets = [
        file(f"april#1.xlsx#{day}", workbook="april#1.xlsx", rejected=day % 2, warnings=["2 rows: odd"])
        for day in range(30)
    ]
    [line] = lines(capsys, *sheets)
    assert line.split() == ["april#1.xlsx", "(30", "sheets)", "orders", "loaded", "300", "15", "60", "rows:", "odd"]


def test_files_whose_names_only_look_like_sheets_are_files(capsys: pytest.CaptureFixture[str]) -> None:
    [line] = lines(capsys, *(file(f"export#{part}.csv") for part in range(5)))
    assert line.split()[:2] == ["5", "files"]


def test_every_file_that_was_not_loaded_is_listed_with_its_reason_before_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    many = [file(f"part{n}.csv") for n in range(200)]
    found = lines(
        capsys,
        *many,
        file("bad.csv", "quarantined", "is not UTF-8"),
        file("a.xlsx#Notes", "ignored", "no dataset"),
        file("again.csv", "duplicate"),
    )
    assert [line.split()[0] for line in found] == ["bad.csv", "a.xlsx#Notes", "again.csv", "200"]
    assert "is not UTF-8" in found[0]
    assert "200 files" in found[3]


def test_the_list_is_bounded_and_says_how_many_more_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    found = lines(capsys, *(file(f"{n}.csv", "quarantined", f"reason {n}") for n in range(MOST_FILES + 7)))
    assert len(found) == MOST_FILES + 1
    assert found[-1] == "and 7 more: lakehouse history --json"


def test_rejected_rows_and_warnings_are_told_by_reason_with_the_most_frequent_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_report(
        report(reasons={"orders": {"date: required": 1, "user_id: not int": 5}}, warnings={"orders": {"odd_day": 3}})
    )
    out = capsys.readouterr().out
    assert out.index("user_id: not int") < out.index("date: required") < out.index("odd_day")


def test_more_rejects_than_usual_are_told_with_their_share_and_where_to_look(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_report(
        report(
            status="succeeded_with_rejects",
            datasets={"orders": COUNTS | {"read": 10, "rejected": 2}, "products": COUNTS | {"rejected": 0}},
        )
    )
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == "Batch b1 succeeded with rejects."
    assert (
        second
        == "Unusually many rows were rejected: 20.0% of orders. `lakehouse rejects` lists them with their reasons."
    )


def test_rows_that_were_not_taken_are_told_before_all_else_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    unread = "no dataset has these columns"
    aside = [
        file("b.xlsx#Orders", "ignored", unread, rows_aside=61, workbook="b.xlsx"),
        file("b.xlsx#Empty", "ignored", "empty", rows_aside=0, workbook="b.xlsx"),
        file("bad.csv", "quarantined", "is not UTF-8", rows_aside=None),
        file("one.csv", "quarantined", "lacks user_id", rows_aside=1),
        file("b.xlsx#More", "ignored", unread, rows_aside=None, workbook="b.xlsx"),
    ]
    print_report(report(files=[file("o.csv"), *aside]))
    assert capsys.readouterr().out.splitlines()[:4] == [
        "Batch b1 succeeded; 2 files and 2 sheets were not taken.",
        "2 sheets were not taken (at least 61 rows): no dataset has these columns",
        "bad.csv was not taken: is not UTF-8",
        "one.csv was not taken (1 row): lacks user_id",
    ]


def test_a_file_that_is_yet_to_be_loaded_is_said_to_be_so(capsys: pytest.CaptureFixture[str]) -> None:
    [line] = lines(capsys, file("o.csv", "not_loaded", read=0))
    assert line.split() == ["o.csv", "orders", "not", "loaded", "0", "0"]


def test_a_failed_batch_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(report(status="failed", error="above the limit of 0%"))
    assert "Batch b1 failed.\nabove the limit of 0%" in capsys.readouterr().out


def test_where_nothing_waits_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(NOTHING_TO_DO)
    assert "Nothing to do" in capsys.readouterr().out
