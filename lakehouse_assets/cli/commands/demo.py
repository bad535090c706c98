"""`make demo`: what the lakehouse does, shown on sample files, in a home of its own that is gone at the end."""

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
    with _home_of_its_own(engine) as folder, ExitStack() as stack:
        _say(
            "Start",
            "An AWS on this machine (S3, Glue, Athena: no account, no Docker) and Dagster, in a home of their own.",
        )
        settings = read_home()
        with steps_shown() as steps:
            lakehouse = stack.enter_context(started(settings, steps))
        datasets = list(lakehouse.contracts)
        sample = _make_files(folder, lakehouse)
        _show_files(
            sample,
            sample.first,
            "Sample files",
            "As people send them: most rows are sound, and there is dirt of every kind among them.",
        )
        _load(
            lakehouse,
            sample.first,
            "Upload, convert, judge each row, write Delta tables, archive, check: a Dagster job, run in this process.",
        )
        _show_rejects(lakehouse)
        _show_answer(lakehouse)
        _show_files(
            sample,
            sample.second,
            "The next day's files",
            "Corrections, a file that came before, and the parents that orphaned rows wait for.",
        )
        _load(
            lakehouse,
            sample.second,
            "Corrections are updated, the repeated file is a duplicate, and orphans whose parents came now are healed.",
        )
    _say_what_next(datasets, time.monotonic() - begun)


@contextmanager
def _home_of_its_own(engine: EngineName | None) -> Iterator[Path]:
    """A temporary folder, and default settings but for the engine, whatever this shell has set."""
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


def _make_files(folder: Path, lakehouse: Lakehouse) -> SampleData:
    with steps_shown() as steps, steps.step("Make sample files"):
        return make_sample_data(folder, lakehouse.contracts)


def _show_files(sample: SampleData, batch: Path, heading: str, words: str) -> None:
    _say(heading, words)
    paths = [(sample.folder / name, said) for name, said in sample.contents.items()]
    print_table(
        ("file", "bytes", "what is in it"),
        [(path.name, path.stat().st_size, said) for path, said in paths if path.parent == batch],
        counts=True,
    )


def _load(lakehouse: Lakehouse, batch: Path, words: str) -> None:
    _say(f"lakehouse load {batch.name}/", words)
    with steps_shown() as steps:
        report = load_with(lakehouse, find_files([batch], lakehouse.settings.home)[0], steps)
    stdout().print()
    print_report(report, with_reasons=False)


def _show_rejects(lakehouse: Lakehouse) -> None:
    _say(
        "lakehouse rejects",
        "Every rejected row is kept with its raw text and all reasons. Here, for each reason, the first.",
    )
    records = (record for each in rejected_of(lakehouse) for record in each.records(Wanted()))
    rows = [(e.dataset, e.reason, e.records, e.shown, e.file, e.row) for e in examples(records, lakehouse.contracts)]
    print_table(("dataset", "reason", "rows", "example", "in file", "row"), rows)


def _show_answer(lakehouse: Lakehouse) -> None:
    _say(f"lakehouse query {QUERY}", "Through Athena, from the Glue catalog, as analysts would ask.")
    answer = lakehouse.athena.query(statement_of(QUERY))
    print_table(answer.columns, answer.rows)


def _say_what_next(datasets: list[str], seconds: float) -> None:
    lakehouse = _this_command()
    _say(
        "What to look at next",
        f"That took {seconds:.0f} seconds; everything it started is stopped, its files are gone. Yours go like this:",
    )
    commands = [
        (f"{lakehouse} load FILES", "your CSV files and workbooks; the tables stay in .lakehouse here"),
        (
            f"{lakehouse} explain {datasets[0]}",
            f"what makes a row of {datasets[0]} good or bad, and the SQL that judges it",
        ),
        (
            f'{lakehouse} query "SELECT count(*) FROM {datasets[-1]}"',
            "ask the tables; --format csv or json for programs",
        ),
        (f"{lakehouse} up", "Dagster's UI with the whole graph, and the embedded AWS, until Ctrl-C"),
        (f"{lakehouse} --help", "all commands"),
    ]
    print_table(("command", "shows"), commands)


def _this_command() -> str:
    """How to call this program from here: by its name where PATH finds it, else by its path."""
    program = Path(sys.argv[0])
    found = shutil.which(program.name)
    if found and Path(found).samefile(program):
        return program.name
    return os.path.relpath(program) if program.is_relative_to(Path.cwd()) else str(program)


def _say(heading: str, words: str) -> None:
    console = stdout()
    console.print()
    if console.is_terminal:
        console.rule(Text(heading, "bold"), align="left", style="cyan")
    else:
        console.print(f"== {heading}")
    console.print(words, style="cyan", soft_wrap=not console.is_terminal)
    console.file.flush()
