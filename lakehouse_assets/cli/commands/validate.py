"""`lakehouse validate`, and `lakehouse load --dry-run`: what a load of files would do, without writing anything."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from lakehouse_assets.batches.dry_run import dry_run, problems_of
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.exit_codes import ExitCode
from lakehouse_assets.cli.home import absolute, read_home
from lakehouse_assets.cli.terminal.console import stdout_kept_clean
from lakehouse_assets.cli.terminal.formats import print_json
from lakehouse_assets.cli.terminal.progress import steps_shown
from lakehouse_assets.cli.terminal.validation_text import print_validation
from lakehouse_assets.connect import connected
from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.embedded_aws.process import running
from lakehouse_assets.landing.local_files import find_files
from lakehouse_assets.settings import Settings, read_settings


def validate(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="CSV files (also gzipped), Excel workbooks, and folders of them.",
            show_default=False,
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as one JSON object, and nothing else.")
    ] = False,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", metavar="DATASET", help="The dataset of all given CSV files.", show_default=False),
    ] = None,
    fail_above: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="Exit with code 1 if more than this share (0 to 1) of a dataset's rows would be rejected.",
        ),
    ] = 0,
) -> None:
    """Show what a load of files would do; write nothing.

    Files and sheets are routed, checked and validated as by a load, and the rows are compared with the tables as they
    are. In a home without tables, and in one of a sender, they are compared with empty tables. Pending files are not
    included. The exit code is 1 if a file would not be taken, or if more rows would be rejected than --fail-above
    allows; rows that would only wait for a parent do not count.
    """
    validate_files(paths, dataset, fail_above, as_json=as_json)


def validate_files(paths: Sequence[Path], dataset: str | None, fail_above: float, *, as_json: bool) -> None:
    """Prints what a load would do. Raises typer.Exit with FAILED if the files do not pass."""
    settings = read_settings()
    incoming, ignored = find_files(paths, settings.home, dataset)
    contracts = read_contracts(settings.contracts)
    with (
        stdout_kept_clean(),
        steps_shown() as steps,
        tempfile.TemporaryDirectory(prefix="lakehouse-") as scratch,
        _tables(settings) as lakehouse,
        steps.step(f"Validate {len(incoming):,} file{'s' * (len(incoming) != 1)}"),
    ):
        found = dry_run(settings, contracts, incoming, ignored, Path(scratch), lakehouse)
    found["problems"] = problems_of(found, fail_above, settings.reject_limit)
    found["passes"] = not found["problems"]
    if as_json:
        print_json(found)
    else:
        print_validation(found)
    if not found["passes"]:
        raise typer.Exit(ExitCode.FAILED)


@contextmanager
def _tables(settings: Settings) -> Iterator[Lakehouse | None]:
    """The lakehouse whose tables the rows are compared with; None on a laptop on which nothing was loaded yet."""
    home = absolute(settings.home)
    if settings.aws == "embedded" and not (home / "aws").exists() and running(home) is None:
        yield None
        return
    with connected(read_home()) as lakehouse:
        yield lakehouse
