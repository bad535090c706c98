"""What a load would do, as text: the counts of rows, the files, and the reasons with the first row of each."""

from __future__ import annotations

from lakehouse_assets.cli.terminal.console import stdout
from lakehouse_assets.cli.terminal.errors import visible
from lakehouse_assets.cli.terminal.report_text import heading, print_counts, print_files, tallies
from lakehouse_assets.cli.terminal.tables import print_table
from lakehouse_assets.etl.report_types import Validation


def print_validation(found: Validation) -> None:
    console = stdout()
    wide = not console.is_terminal
    number = len(found["problems"])
    said = f"{number} problem{'s' * (number != 1)}" if number else "The files can be loaded"
    compared = f"compared with {found['tables']}" if found["tables"] else "compared with empty tables"
    console.print(f"{said} ({compared}). Nothing was written.", style="bold red" if number else "green", soft_wrap=wide)
    for problem in found["problems"]:
        console.print(visible(f"  - {problem}"), soft_wrap=wide)
    if found["datasets"]:
        heading("Rows, if the files were loaded")
        print_counts(found["datasets"], {name: found[name] for name in ("healed", "resolved", "waiting")})
        for dataset, rows in found["differing"].items():
            console.print(
                f"{dataset}: {rows:,} duplicates differ from a later row with the same key, which would be kept.",
                style="yellow",
                soft_wrap=wide,
            )
    if found["files"]:
        heading("Files")
        print_files(found["files"])
    if found["rejected"]:
        heading("Rows that would be rejected, by reason")
        print_table(
            ("dataset", "reason", "rows", "first file", "row"),
            [(each["dataset"], each["reason"], each["rows"], each["file"], each["row"]) for each in found["rejected"]],
            counts=True,
        )
        for each in found["rejected"]:
            if each["hint"]:
                console.print(f"{each['dataset']}: {each['reason']}: {each['hint']}", style="dim", soft_wrap=wide)
    if found["warnings"]:
        heading("Warnings (these rows would be loaded)")
        print_table(("dataset", "rule", "rows"), tallies(found["warnings"]), counts=True)
