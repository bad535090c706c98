"""`make demo`: what the lakehouse does, shown on sample files, in a home of its own that is gone at the end."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse_assets.cli.home import read_home
from lakehouse_assets.cli.incoming import find_files
from lakehouse_assets.cli.load import load_with, started
from lakehouse_assets.cli.output import print_table, stdout
from lakehouse_assets.cli.progress import Steps, steps_shown
from lakehouse_assets.cli.query import statement_of
from lakehouse_assets.cli.rejects import rejected_records
from lakehouse_assets.cli.report_text import print_report
from lakehouse_assets.local.reject_examples import examples

if TYPE_CHECKING:
    from lakehouse_assets.lakehouse import Lakehouse
    from lakehouse_assets.local.sample_data import SampleData

QUERY = "top_customers"


def run_demo() -> None:
    """Loads two batches of sample files into a fresh embedded lakehouse and shows what became of them. Starts and stops all it needs; leaves nothing behind."""
    begun = time.monotonic()
    with _home_of_its_own() as folder:
        settings = read_home()
        _say("Start", "An AWS on this machine (S3, Glue, Athena; no account, no Docker) and Dagster, in a home of their own.")
        with _shown() as steps, started(settings, steps) as lakehouse:
            datasets = list(lakehouse.contracts)
            sample = _make_files(folder, lakehouse)
            _load(lakehouse, steps, sample.first, "The first batch")
            _show_rejects(lakehouse)
            _show_answer(lakehouse)
            _show_files(sample, sample.second, "The second batch", "Corrections, a file that came before, and the parents that orphaned rows wait for.")
            _load(lakehouse, steps, sample.second, "Corrections are updated, the file that came before is a duplicate, orphans whose parents came are healed")
    _say_what_next(datasets, time.monotonic() - begun)


@contextmanager
def _home_of_its_own() -> Iterator[Path]:
    """A temporary folder, and default settings whatever this shell has set."""
    with tempfile.TemporaryDirectory(prefix="lakehouse-demo-") as folder:
        for name in [name for name in os.environ if name.startswith("LAKEHOUSE_")]:
            del os.environ[name]
        os.environ["LAKEHOUSE_HOME"] = str(Path(folder) / "home")
        yield Path(folder)


def _make_files(folder: Path, lakehouse: Lakehouse) -> SampleData:
    from lakehouse_assets.local.sample_data import make_sample_data

    sample = make_sample_data(folder, lakehouse.contracts)
    _show_files(sample, sample.first, "Sample files", "As shops send them: most rows are good, and there is dirt of every kind in them.")
    return sample


def _show_files(sample: SampleData, batch: Path, heading: str, words: str) -> None:
    _say(heading, words)
    paths = [(Path(name), said) for name, said in sample.contents.items() if (sample.folder / name).parent == batch]
    print_table(("file", "bytes", "what is in it"), [(path.name, (sample.folder / path).stat().st_size, said) for path, said in paths], counts=True)


def _load(lakehouse: Lakehouse, steps: Steps, batch: Path, words: str) -> None:
    _say(f"lakehouse load {batch.name}", words)
    report = load_with(lakehouse, find_files([batch], lakehouse.settings.home)[0], steps)
    print_report(report)
