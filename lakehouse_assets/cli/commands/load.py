"""`lakehouse load` and `lakehouse put`: upload files from the disk, and run the batch that loads them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.exit_codes import ExitCode
from lakehouse_assets.cli.home import read_home
from lakehouse_assets.cli.json_output import printed_as_json
from lakehouse_assets.cli.options import Engine
from lakehouse_assets.cli.terminal.ending import full_disk_named, is_full_disk, room_wanted
from lakehouse_assets.cli.terminal.errors import print_note
from lakehouse_assets.cli.terminal.progress import Steps, steps_shown
from lakehouse_assets.cli.terminal.report_text import print_report
from lakehouse_assets.cli.terminal.tables import print_table
from lakehouse_assets.connect import connected
from lakehouse_assets.embedded_aws.process import embedded_aws
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.etl.report import ignored_report
from lakehouse_assets.etl.report_types import LoadReport, Report
from lakehouse_assets.etl.status import has_succeeded, in_words, rejected_shares
from lakehouse_assets.landing.local_files import Ignored, Incoming, find_files
from lakehouse_assets.landing.uploading import Uploaded, upload
from lakehouse_assets.locks import load_lock, locked
from lakehouse_assets.settings import Settings

Stated = Annotated[
    str | None,
    typer.Option(
        "--dataset", metavar="DATASET", help="Load all given CSV files into this dataset.", show_default=False
    ),
]
KINDS = "CSV files (also gzipped), Excel workbooks, and folders of them."


def load(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH...", help=f"{KINDS} Without any, only pending files are loaded.", show_default=False
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the load report as one JSON object, and nothing else.")
    ] = False,
    dataset: Stated = None,
    fail_above: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="Exit with code 1 if more than this share (0 to 1) of a dataset's rows is rejected.",
            show_default=False,
        ),
    ] = None,
    engine: Engine = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the load would do; write nothing (lakehouse validate).")
    ] = False,
) -> None:
    """Upload files, run one batch, print the load report.

    Also loads files that are already pending. Rejected rows and quarantined files are in the report; they do not make
    the command fail. The exit code is 1 if the batch failed, or if more of a dataset was rejected than --fail-above
    allows; the batch is then loaded nevertheless.
    """
    del engine  # its callback has put it into the environment
    if dry_run:
        if not paths:
            raise BadConfiguration("--dry-run shows what a load of the given files would do: name at least one.")
        from lakehouse_assets.cli.commands.validate import validate_files  # noqa: PLC0415 - only needed here

        validate_files(paths, dataset, fail_above or 0, as_json=as_json)
        return

    def load_all() -> Report:
        settings = read_home()
        incoming, ignored = find_files(paths or [], settings.home, dataset)
        return load_files(settings, incoming, ignored)

    if as_json:
        report = printed_as_json(load_all)
    else:
        report = load_all()
        print_report(report)
        if report["status"] == "failed":
            print_note("The batch stays open, and the next load resumes it. If it can never succeed: lakehouse abandon")
    if report["status"] == "failed" or _are_too_many_rejected(report, fail_above):
        raise typer.Exit(ExitCode.FAILED)


def _are_too_many_rejected(report: Report, most: float | None) -> bool:
    """Whether the rejected share of any dataset is above the limit of `load --fail-above`; if so, says which."""
    shares = rejected_shares(report) if most is not None else {}
    if above := [f"{dataset} {share:.1%}" for dataset, share in shares.items() if most is not None and share > most]:
        print_note(
            f"More than {most:.1%} of the rows were rejected (--fail-above): {', '.join(above)}. The batch is loaded"
            " nevertheless."
        )
    return bool(above)


def put(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=KINDS, show_default=False)],
    dataset: Stated = None,
) -> None:
    """Upload files only; the next batch loads them.

    A batch starts automatically if lakehouse up or a deployment is running; lakehouse load starts one at once.
    """
    settings = read_home()
    incoming, ignored = find_files(paths, settings.home, dataset)
    if incoming:
        with connected(settings) as lakehouse, steps_shown() as steps:
            uploaded = _upload(lakehouse, incoming, steps)
        print_table(
            ("file", "uploaded to"),
            [
                (str(file.path), f"s3://{settings.bucket}/{key}")
                for file, (key, _) in zip(incoming, uploaded, strict=True)
            ],
        )
        typer.echo(
            "If `lakehouse up` or a deployment is running, a batch starts automatically when"
            f" {'a file of each dataset' if settings.gate == 'all' else 'any file'} is pending (LAKEHOUSE_GATE)."
            " `lakehouse load` starts one now."
        )
    else:
        typer.echo("No file to upload.")
    if ignored:
        typer.echo("Ignored:")
        print_table(("file", "reason"), [(item.name, item.reason) for item in ignored])


def load_files(settings: Settings, incoming: list[Incoming], ignored: list[Ignored]) -> Report:
    """Uploads the files and runs batches until they are loaded. Returns the load report of their batch, with the
    ignored files in it.
    """

    def on_wait() -> None:
        print_note(f"Another load is running in {settings.home}; waiting for its end.")

    files = sum(file.path.stat().st_size for file in incoming)
    with (
        full_disk_named(settings.home, files),
        locked(load_lock(settings.home), waiting=on_wait),
        steps_shown() as steps,
        started(settings, steps) as lakehouse,
    ):
        report = load_with(lakehouse, incoming, steps)
    if is_full_disk(report.get("error") or ""):
        report |= {"error": room_wanted(settings.home, files)}
    return report | {"files": report["files"] + [ignored_report(item) for item in ignored]}


def load_with(lakehouse: Lakehouse, incoming: list[Incoming], steps: Steps) -> Report:
    """Like `load_files`, with a connected lakehouse. The caller holds load.lock."""
    from lakehouse_assets.cli.runs import run_batch  # noqa: PLC0415 - see there

    if other := lakehouse.lease.held_by():
        steps.note(f"{other}; waiting for its end.")
    interrupted = lakehouse.open_batch()
    if interrupted is not None:
        steps.note(f"Batch {interrupted.id} is still open and is resumed first.")
        report = run_batch(lakehouse, progress=steps)
        steps.note(f"Batch {interrupted.id}: {in_words(report)} (lakehouse history shows it).")
        if report["status"] == "failed":
            return report | {
                "error": f"The open batch failed again, and the given files were not uploaded: {report['error']}"
            }
    left = set(_upload(lakehouse, incoming, steps))
    while True:
        report = run_batch(lakehouse, progress=steps)
        batch_id = report["batch_id"]
        if batch_id is None:
            return _report_of_another(lakehouse, left) or report
        if not has_succeeded(report):
            return report
        left -= _taken(lakehouse, batch_id)
        if not left:
            return report
        steps.note(f"Batch {batch_id} was frozen before these files were uploaded; the next batch loads them.")


def _upload(lakehouse: Lakehouse, incoming: list[Incoming], steps: Steps) -> list[Uploaded]:
    with steps.step(f"Upload {len(incoming):,} file{'s' * (len(incoming) != 1)}"), failures_named("Uploading"):
        return upload(lakehouse.zone, incoming)


def _taken(lakehouse: Lakehouse, batch_id: str) -> set[Uploaded]:
    """The files of a batch: each with its version, and with None for an upload whose version is not known."""
    versions = [file.version for file in lakehouse.batch(batch_id).manifest.files]
    return {(version.key, known) for version in versions for known in (version.version_id, None)}


def _report_of_another(lakehouse: Lakehouse, uploaded: set[Uploaded]) -> LoadReport | None:
    """The report of the newest batch with one of these files: the sensor's run may have been faster than this one."""
    for report in reversed(lakehouse.reports.all()):
        if uploaded & _taken(lakehouse, report["batch_id"]):
            return report
    return None


@contextmanager
def started(settings: Settings, steps: Steps) -> Iterator[Lakehouse]:
    """The connected lakehouse, with Dagster imported. The embedded AWS (another process) and Dagster (imports,
    databases) start in parallel.

    This thread only waits meanwhile: a Ctrl-C during an import (connecting imports, too) can leave Python's import lock
    taken, and the thread that imports Dagster would wait for it for ever.
    """
    with ExitStack() as stack:

        def connect(server: Future[object]) -> Lakehouse:
            server.result()
            return stack.enter_context(connected(settings))

        aws: AbstractContextManager[object] = (
            embedded_aws(settings.home) if settings.aws == "embedded" else nullcontext()
        )
        with steps.step("Start"), ThreadPoolExecutor(3) as beside:
            server = beside.submit(stack.enter_context, aws)
            dagster = beside.submit(_load_dagster, settings.home)
            lakehouse = beside.submit(connect, server).result()
            dagster.result()
        yield lakehouse


def _load_dagster(home: Path) -> None:
    """Imports Dagster and prepares its instance: 1.5 of the 2 seconds that a first batch in a home takes to start."""
    from lakehouse_assets.cli.runs import prepare_instance  # noqa: PLC0415 - see there

    prepare_instance(home)
