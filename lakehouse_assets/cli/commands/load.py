"""`lakehouse load` and `lakehouse put`: files from the disk into the bucket, and through a batch to the load report."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse_assets.cli.home import read_home
from lakehouse_assets.cli.options import Engine
from lakehouse_assets.cli.terminal.ending import full_disk_named, is_full_disk, room_wanted
from lakehouse_assets.cli.terminal.errors import FAILED

if TYPE_CHECKING:
    from lakehouse_assets.batches.lakehouse import Lakehouse
    from lakehouse_assets.cli.terminal.progress import Steps
    from lakehouse_assets.landing.local_files import Ignored, Incoming
    from lakehouse_assets.landing.uploading import Uploaded
    from lakehouse_assets.settings import Settings

Stated = Annotated[
    str | None,
    typer.Option("--dataset", metavar="DATASET", help="The dataset that all given CSV files are.", show_default=False),
]
KINDS = "Files and folders: CSV (also gzipped) and Excel workbooks."


def load(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH...", help=f"{KINDS} Without any, what waits already.", show_default=False),
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
            help="Exit with 1 if of any dataset more than this share (0 to 1) is rejected.",
            show_default=False,
        ),
    ] = None,
    engine: Engine = None,
) -> None:
    """Upload files, run one batch, print the load report.

    Takes along what waits already. Rejected rows and files that were not taken are in the report and make no failure:
    the exit code is 0 unless the batch failed (1), or a dataset lost more than --fail-above says (1; the batch is
    loaded).
    """
    del engine  # its callback has put it into the environment
    from lakehouse_assets.cli.json_output import printed_as_json
    from lakehouse_assets.landing.local_files import find_files

    def load_all() -> dict[str, Any]:
        settings = read_home()
        incoming, ignored = find_files(paths or [], settings.home, dataset)
        return load_files(settings, incoming, ignored)

    if as_json:
        report = printed_as_json(load_all)
    else:
        from lakehouse_assets.cli.terminal.report_text import print_report

        report = load_all()
        print_report(report)
        if report["status"] == "failed":
            typer.echo(
                "The batch stays open, and the next load goes on with it. If it can never succeed: lakehouse abandon",
                err=True,
            )
    if report["status"] == "failed" or _are_too_many_rejected(report, fail_above):
        raise typer.Exit(FAILED)


def _are_too_many_rejected(report: dict[str, Any], most: float | None) -> bool:
    """Whether the rejected share of any dataset is above what `load --fail-above` says; told on stderr."""
    from lakehouse_assets.etl.status import rejected_shares

    shares = rejected_shares(report) if most is not None else {}
    if above := [f"{dataset} {share:.1%}" for dataset, share in shares.items() if most is not None and share > most]:
        typer.echo(
            f"More than {most:.1%} of the rows are rejected (--fail-above): {', '.join(above)}. The batch itself is"
            " loaded.",
            err=True,
        )
    return bool(above)


def put(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=KINDS, show_default=False)],
    dataset: Stated = None,
) -> None:
    """Upload files only: the next load takes them, or the sensor of a running lakehouse."""
    from lakehouse_assets.cli.terminal.progress import steps_shown
    from lakehouse_assets.cli.terminal.tables import print_table
    from lakehouse_assets.connect import connected
    from lakehouse_assets.landing.local_files import find_files

    settings = read_home()
    incoming, ignored = find_files(paths, settings.home, dataset)
    if incoming:
        with connected(settings) as lakehouse, steps_shown() as steps:
            uploaded = _upload(lakehouse, incoming, steps)
        print_table(
            ("file", "waits at"),
            [
                (str(file.path), f"s3://{settings.bucket}/{key}")
                for file, (key, _) in zip(incoming, uploaded, strict=True)
            ],
        )
        typer.echo(
            f"A batch starts by itself when {'a file of each dataset' if settings.gate == 'all' else 'any file'} waits"
            " (LAKEHOUSE_GATE), where `lakehouse up` or a deployment watches; `lakehouse load` starts one now."
        )
    else:
        typer.echo("No file to upload.")
    if ignored:
        typer.echo("Left alone:")
        print_table(("file", "because"), [(item.name, item.reason) for item in ignored])


def load_files(settings: Settings, incoming: list[Incoming], ignored: list[Ignored]) -> dict[str, Any]:
    """Uploads the files and runs batches until they are processed. Returns the load report of the batch that took them,
    with the ignored files in it.
    """
    from lakehouse_assets.cli.terminal.progress import steps_shown
    from lakehouse_assets.locks import locked

    def told_to_wait() -> None:
        typer.echo(f"Another load runs in {settings.home}; this one waits for it.", err=True)

    files = sum(file.path.stat().st_size for file in incoming)
    with (
        full_disk_named(settings.home, files),
        locked(settings.home / "load.lock", waiting=told_to_wait),
        steps_shown() as steps,
        started(settings, steps) as lakehouse,
    ):
        report = load_with(lakehouse, incoming, steps)
    if is_full_disk(report.get("error") or ""):
        report |= {"error": room_wanted(settings.home, files)}
    return report | {"files": report["files"] + [_as_file_report(item) for item in ignored]}


def load_with(lakehouse: Lakehouse, incoming: list[Incoming], steps: Steps) -> dict[str, Any]:
    """As load_files, in a lakehouse that is connected and a home that no other load uses."""
    from lakehouse_assets.cli.runs import run_batch
    from lakehouse_assets.etl.status import has_succeeded, in_words

    if other := lakehouse.lease.held_by():
        typer.echo(f"{other}; this waits for it.", err=True)
    interrupted = lakehouse.open_batch()
    if interrupted is not None:
        typer.echo(f"Batch {interrupted.id} was interrupted; it is finished first.", err=True)
        report = run_batch(lakehouse, progress=steps)
        typer.echo(f"Batch {interrupted.id}: {in_words(report)} (lakehouse history shows it).", err=True)
        if report["status"] == "failed":
            return report | {
                "error": (
                    "The batch that was interrupted before failed again, and nothing new was uploaded:"
                    f" {report['error']}"
                )
            }
    left = set(_upload(lakehouse, incoming, steps))
    while True:
        report = run_batch(lakehouse, progress=steps)
        if report["status"] == "nothing_to_do":
            return _report_of_another(lakehouse, left) or report
        if not has_succeeded(report):
            return report
        left -= _taken(lakehouse, report["batch_id"])
        if not left:
            return report
        typer.echo(
            f"Batch {report['batch_id']} was under way and did not hold these files; the next one does.", err=True
        )


def _upload(lakehouse: Lakehouse, incoming: list[Incoming], steps: Steps) -> list[Uploaded]:
    from lakehouse_assets.aws.client import failures_named
    from lakehouse_assets.landing.uploading import upload

    with steps.step(f"Upload {len(incoming):,} file{'s' * (len(incoming) != 1)}"), failures_named("Uploading"):
        return upload(lakehouse.zone, incoming)


def _taken(lakehouse: Lakehouse, batch_id: str) -> set[Uploaded]:
    """What a batch holds: each file by its version, and as one whose version is not known."""
    versions = [file.version for file in lakehouse.batch(batch_id).manifest.files]
    return {(version.key, known) for version in versions for known in (version.version_id, None)}


def _report_of_another(lakehouse: Lakehouse, uploaded: set[Uploaded]) -> dict[str, Any] | None:
    """The newest batch with one of these files: where a sensor watches the bucket, its run may have been the quicker
    one.
    """
    report: dict[str, Any]
    for report in reversed(lakehouse.reports.all()):
        if uploaded & _taken(lakehouse, report["batch_id"]):
            return report
    return None


@contextmanager
def started(settings: Settings, steps: Steps) -> Iterator[Lakehouse]:
    """The connected lakehouse, with Dagster loaded: the embedded AWS (a process of its own) and Dagster (imports,
    databases) start side by side.

    While they do, this thread only waits: a Ctrl-C in the midst of an import (to connect needs some, too) can leave
    Python's import lock taken, for which the thread that imports Dagster would wait for ever.
    """
    from lakehouse_assets.cli.runs import load_dagster
    from lakehouse_assets.connect import connected
    from lakehouse_assets.embedded_aws.process import embedded_aws

    with ExitStack() as stack:

        def connect(server: Future[object]) -> Lakehouse:
            server.result()
            return stack.enter_context(connected(settings))

        aws: AbstractContextManager[object] = (
            embedded_aws(settings.home) if settings.aws == "embedded" else nullcontext()
        )
        with steps.step("Start"), ThreadPoolExecutor(3) as beside:
            server = beside.submit(stack.enter_context, aws)
            dagster = beside.submit(load_dagster, settings.home)
            lakehouse = beside.submit(connect, server).result()
            dagster.result()
        yield lakehouse


def _as_file_report(item: Ignored) -> dict[str, Any]:
    nothing: dict[str, Any] = {
        "dataset": None,
        "outcome": "ignored",
        "read": 0,
        "rejected": 0,
        "rows_aside": None,
        "warnings": [],
    }
    return {"name": item.name, "reason": item.reason, "source_file": None, "workbook": None} | nothing
