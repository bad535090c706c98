"""The load report as text: what became of each dataset's rows and of each file, and why."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lakehouse_assets.cli.terminal.console import stdout
from lakehouse_assets.cli.terminal.errors import visible
from lakehouse_assets.cli.terminal.tables import print_table, print_tally
from lakehouse_assets.etl.report_types import DatasetCounts, FileReport, LoadReport, Report
from lakehouse_assets.etl.status import (
    ABANDONED,
    FAILED,
    NOTHING_TO_DO,
    SUCCEEDED,
    WITH_REJECTS,
    counted,
    in_words,
    not_taken,
    rejected_shares,
)

LOADED = "loaded"
MOST_FILES, FEW_SHEETS, QUIET, ROOM_FOR_REMARKS = 40, 3, 2, 100
COUNTED = re.compile(r"([0-9]+) rows: (.*)", re.DOTALL)
MOST_REASONS = 5
STYLES = {
    SUCCEEDED: "green",
    WITH_REJECTS: "yellow",
    FAILED: "bold red",
    ABANDONED: "bold yellow",
    NOTHING_TO_DO: "yellow",
}


def print_report(report: Report, *, with_reasons: bool = True) -> None:
    console = stdout()
    if report["status"] == NOTHING_TO_DO:
        console.print("Nothing to do: no files are pending.", style=STYLES[NOTHING_TO_DO])
    else:
        console.print(
            f"Batch {report['batch_id']} {in_words(report)}.", style=style_of(report), soft_wrap=not console.is_terminal
        )
    error = report.get("error")
    if error:
        console.print(visible(error, keep_lines=True), soft_wrap=not console.is_terminal)
    if report["status"] == WITH_REJECTS:
        shares = sorted(rejected_shares(report).items(), key=lambda item: -item[1])
        if unusual := ", ".join(f"{share:.1%} of {dataset}" for dataset, share in shares if share):
            what = f"Unusually many rows were rejected: {unusual}. `lakehouse rejects` lists them with their reasons."
            console.print(what, style="yellow", soft_wrap=not console.is_terminal)
    # In an abandoned batch the reason of each file is the error, which is printed already.
    _print_not_taken([file for file in not_taken(report) if file["reason"] != error])
    if report["batch_id"] is not None and report["datasets"]:
        _print_rows(report)
    if report["files"]:
        heading("Files")
        print_files(report["files"])
    if report["batch_id"] is None:
        return
    if report["reasons"] and with_reasons:
        heading("Rejected rows by reason (lakehouse rejects lists them)")
        print_table(("dataset", "reason", "rows"), tallies(report["reasons"]), counts=True)
    if report["warnings"]:
        heading("Warnings (these rows were loaded)")
        print_table(("dataset", "rule", "rows"), tallies(report["warnings"]), counts=True)


def print_counts(datasets: Mapping[str, DatasetCounts], more: Mapping[str, Mapping[str, int]]) -> None:
    """Prints the counts of each dataset. `more`: other counts; each has a column only if a dataset has some."""
    shown = {name: numbers for name, numbers in more.items() if numbers}
    names = [*next(iter(datasets.values())), *shown]
    rows = [
        (dataset, *counts.values(), *(numbers.get(dataset, 0) for numbers in shown.values()))
        for dataset, counts in datasets.items()
    ]
    print_tally(("dataset", *names), rows)


def _print_rows(report: LoadReport) -> None:
    heading("Rows")
    print_counts(report["datasets"], {"healed": report["healed"], "resolved": report.get("resolved", {})})
    console = stdout()
    for dataset, number in report.get("differing", {}).items():
        what = f"{number:,} row{'s differ' if number > 1 else ' differs'} from a later row with the same key"
        console.print(
            f"{dataset}: {what}. The later row was kept, because the contract has no version column.",
            style="yellow",
            soft_wrap=not console.is_terminal,
        )


def print_files(files: list[FileReport]) -> None:
    """Prints loaded files in short and all others with their reasons, up to MOST_FILES lines, and how many more."""
    lines = _grouped(files)
    shown = lines[:MOST_FILES]
    console = stdout()
    names = ("file", "dataset", "outcome", "read", "rejected", "remark")
    if console.is_terminal and console.width < ROOM_FOR_REMARKS:
        print_table(names[:-1], [line[:-1] for line in shown], counts=True)
        for name, *_, remark in shown:
            if remark:
                console.print(visible(f"  {name}: {remark}"))
    else:
        print_table(names, shown, counts=True)
    if len(lines) > len(shown):
        console.print(f"and {len(lines) - len(shown):,} more: lakehouse history --json")


def style_of(report: Report) -> str:
    """The colour of a batch's outcome: that of rejects if it succeeded but did not take every file."""
    return STYLES[WITH_REJECTS] if report["status"] == SUCCEEDED and not_taken(report) else STYLES[report["status"]]


def _print_not_taken(files: list[FileReport]) -> None:
    """Prints what the batch did not read, by reason: the file, or the number of files and sheets, and of their rows."""
    console = stdout()
    by_reason: dict[str, list[FileReport]] = defaultdict(list)
    for file in files:
        by_reason[file["reason"] or file["outcome"]].append(file)
    for reason, alike in list(by_reason.items())[:MOST_REASONS]:
        what = f"{alike[0]['name']} was" if len(alike) == 1 else f"{counted(alike)} were"
        rows = [file.get("rows_aside") for file in alike]
        known = sum(number or 0 for number in rows)
        how_many = f" ({'at least ' * (None in rows)}{known:,} row{'s' * (known != 1)})" if known else ""
        console.print(
            visible(f"{what} not taken{how_many}: {reason}"), style="yellow", soft_wrap=not console.is_terminal
        )
    if len(by_reason) > MOST_REASONS:
        console.print(f"and {len(by_reason) - MOST_REASONS:,} more reasons; see the list of files", style="yellow")


def heading(text: str) -> None:
    console = stdout()
    console.print()
    console.print(text, style="bold", soft_wrap=True)


def tallies(counts: dict[str, dict[str, int]]) -> list[tuple[str, str, int]]:
    return [
        (dataset, text, rows)
        for dataset, tally in counts.items()
        for text, rows in sorted(tally.items(), key=lambda item: -item[1])
    ]


def _grouped(files: list[FileReport]) -> list[Sequence[Any]]:
    """The lines of the table of files: first those that were not loaded, then those with rejected rows or warnings,
    then the rest.

    Sheets of a workbook with the same outcome share a line, and so do loaded files of a dataset without rejects and
    warnings.
    """
    groups: dict[tuple[Any, ...], list[FileReport]] = defaultdict(list)
    for file in files:
        groups[_group(file)].append(file)
    lines: list[tuple[int, Sequence[Any]]] = []
    for alike in groups.values():
        if len(alike) > FEW_SHEETS:
            lines.append((min(_urgency(file) for file in alike), _line(_common_name(alike), alike)))
        else:
            lines += [(_urgency(file), _line(file["name"], [file])) for file in alike]
    return [line for _, line in sorted(lines, key=lambda item: item[0])]


def _group(file: FileReport) -> tuple[Any, ...]:
    alike = (file["dataset"], file["outcome"], file["reason"])
    if file.get("workbook"):
        return ("sheets", file["workbook"], *alike)
    return ("files", *alike) if _urgency(file) == QUIET else (file["source_file"], file["name"])


def _urgency(file: FileReport) -> int:
    if file["outcome"] != LOADED:
        return 0
    return 1 if file["rejected"] or file["warnings"] else QUIET


def _common_name(files: list[FileReport]) -> str:
    workbook = files[0].get("workbook")
    return f"{workbook} ({len(files):,} sheets)" if workbook else f"{len(files):,} files"


def _line(name: str, files: list[FileReport]) -> Sequence[Any]:
    first = files[0]
    remarks = [first["reason"], *_summed(warning for file in files for warning in file["warnings"])]
    read, rejected = (sum(file[count] for file in files) for count in ("read", "rejected"))
    return (
        name,
        first["dataset"],
        first["outcome"].replace("_", " "),
        read,
        rejected,
        "; ".join(remark for remark in remarks if remark),
    )


def _summed(warnings: Iterable[str]) -> list[str]:
    """Each warning once; the numbers of rows are added up."""
    sums: dict[str, int] = defaultdict(int)
    for warning in warnings:
        counted = COUNTED.match(warning)
        sums[counted[2] if counted else warning] += int(counted[1]) if counted else 0
    return [f"{rows:,} rows: {warning}" if rows else warning for warning, rows in sums.items()]
