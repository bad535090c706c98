"""`lakehouse demo`: loads sample files into a temporary home, which is deleted at the end."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.text import Text

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.queries import statement_of
from lakehouse_assets.cli.commands.load import load_with, started
from lakehouse_assets.cli.commands.rejects import rejected_of
from lakehouse_assets.cli.home import read_home
from lakehouse_assets.cli.options import Engine
from lakehouse_assets.cli.terminal.console import stdout
from lakehouse_assets.cli.terminal.progress import steps_shown
from lakehouse_assets.cli.terminal.reject_examples import examples
from lakehouse_assets.cli.terminal.report_text import print_report
from lakehouse_assets.cli.terminal.tables import print_table
from lakehouse_assets.etl.rejected import Wanted
from lakehouse_assets.landing.local_files import find_files
from lakehouse_assets.sample_data.files import SampleData, make_sample_data
from lakehouse_assets.settings import EngineName

QUERY = "top_customers"


def demo(engine: Engine = None) -> None:
    """Load sample files and show the results; leaves nothing behind.

    Starts an embedded AWS in a temporary home, loads two batches of sample files into it, and shows the load reports,
    the rejected rows and a query. At the end everything is stopped and deleted.
    """
    begun = time.monotonic()
    with _temporary_home(engine) as folder, ExitStack() as stack:
        _print_heading(
            "Start",
            "An AWS on this machine (S3, Glue, Athena; no account, no Docker) and Dagster, in a temporary home.",
        )
        settings = read_home()
        with steps_shown() as steps:
            lakehouse = stack.enter_context(started(settings, steps))
        datasets = list(lakehouse.contracts)
        with steps_shown() as steps, steps.step("Make sample files"):
            sample = make_sample_data(folder, lakehouse.contracts)
        _show_files(sample, sample.first, "Sample files", "Most rows are valid; the others have every kind of fault.")
        _load(
            lakehouse,
            sample.first,
            "Upload, convert, validate each row, write Delta tables, archive, check: one Dagster job in this process.",
        )
        _show_rejects(lakehouse)
        _show_query(lakehouse)
        _show_files(
            sample,
            sample.second,
            "The next day's files",
            "Corrected rows, a file that was loaded before, and the parents of orphaned rows.",
        )
        _load(
            lakehouse,
            sample.second,
            "Corrected rows are updated, the repeated file is a duplicate, and orphans with a parent now are healed.",
        )
    _show_next_steps(datasets, time.monotonic() - begun)


@contextmanager
def _temporary_home(engine: EngineName | None) -> Iterator[Path]:
    """A temporary folder with a home in it, and default settings except for the engine, whatever this shell has set."""
    before = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("LAKEHOUSE_")}
    with tempfile.TemporaryDirectory(prefix="lakehouse-demo-") as folder:
        own = {"LAKEHOUSE_HOME": str(Path(folder) / "home")} | ({"LAKEHOUSE_ENGINE": engine} if engine else {})
        os.environ.update(own)
        try:
            yield Path(folder)
        finally:
            for name in own:
                del os.environ[name]
            os.environ.update(before)


def _show_files(sample: SampleData, batch: Path, heading: str, words: str) -> None:
    _print_heading(heading, words)
    paths = [(sample.folder / name, contents) for name, contents in sample.contents.items()]
    print_table(
        ("file", "bytes", "contents"),
        [(path.name, path.stat().st_size, contents) for path, contents in paths if path.parent == batch],
        counts=True,
    )


def _load(lakehouse: Lakehouse, batch: Path, words: str) -> None:
    _print_heading(f"lakehouse load {batch.name}/", words)
    with steps_shown() as steps:
        report = load_with(lakehouse, find_files([batch], lakehouse.settings.home)[0], steps)
    stdout().print()
    print_report(report, with_reasons=False)


def _show_rejects(lakehouse: Lakehouse) -> None:
    _print_heading(
        "lakehouse rejects",
        "Every rejected row is stored with its raw text and all its reasons. These are the first row of each reason.",
    )
    records = (record for each in rejected_of(lakehouse) for record in each.records(Wanted()))
    rows = [(e.dataset, e.reason, e.records, e.shown, e.file, e.row) for e in examples(records, lakehouse.contracts)]
    print_table(("dataset", "reason", "rows", "example", "in file", "row"), rows)


def _show_query(lakehouse: Lakehouse) -> None:
    _print_heading(f"lakehouse query {QUERY}", "A saved query, run by Athena on the tables of the Glue catalog.")
    result = lakehouse.athena.query(statement_of(QUERY))
    print_table(result.columns, result.rows)


def _show_next_steps(datasets: list[str], seconds: float) -> None:
    lakehouse = _this_command()
    _print_heading(
        "Next steps",
        f"The demo took {seconds:.0f} seconds. All its processes are stopped and its files deleted. With your own"
        " files:",
    )
    commands = [
        (f"{lakehouse} load FILES", "load your CSV files and workbooks; the tables are in .lakehouse in this folder"),
        (f"{lakehouse} explain {datasets[0]}", f"the rules for a row of {datasets[0]}, and the SQL that validates it"),
        (
            f'{lakehouse} query "SELECT count(*) FROM {datasets[-1]}"',
            "query the tables; --format csv or json for programs",
        ),
        (f"{lakehouse} up", "run Dagster's UI with the asset graph, and the embedded AWS, until Ctrl-C"),
        (f"{lakehouse} --help", "list all commands"),
    ]
    print_table(("command", "what it does"), commands)


def _this_command() -> str:
    """How to call this program from this folder: by its name if PATH finds it, otherwise by its path."""
    program = Path(sys.argv[0])
    found = shutil.which(program.name)
    if found and Path(found).samefile(program):
        return program.name
    return os.path.relpath(program) if program.is_relative_to(Path.cwd()) else str(program)


def _print_heading(heading: str, words: str) -> None:
    console = stdout()
    console.print()
    if console.is_terminal:
        console.rule(Text(heading, "bold"), align="left", style="cyan")
    else:
        console.print(f"== {heading}")
    console.print(words, style="cyan", soft_wrap=not console.is_terminal)
    console.file.flush()
