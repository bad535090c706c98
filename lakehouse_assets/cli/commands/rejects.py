"""`lakehouse rejects`: the rejected records, with all reasons and the raw text."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer
from rich.padding import Padding
from rich.text import Text

from lakehouse_assets.aws.client import failures_named
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.home import read_home
from lakehouse_assets.cli.options import datasets, require_dataset
from lakehouse_assets.cli.terminal.console import stdout
from lakehouse_assets.cli.terminal.errors import print_note, visible
from lakehouse_assets.cli.terminal.formats import MOST_TABLE_ROWS, Format, Raw, print_rows
from lakehouse_assets.cli.terminal.values import short_text
from lakehouse_assets.connect import connected
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.etl.plan import hint
from lakehouse_assets.etl.rejected import COLUMNS, Rejected, State, Wanted

STATES = ("open", "waiting", "resolved")
STYLES = {"open": "yellow", "waiting": "cyan", "resolved": "green"}


def rejects(
    dataset: Annotated[
        str | None,
        typer.Option(help="Only records of this dataset.", show_default=False, autocompletion=datasets),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Only records with a reason that contains this text.", show_default=False),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Only records from files whose name contains this text.", show_default=False),
    ] = None,
    batch: Annotated[
        str | None, typer.Option(metavar="ID", help="Only records of this batch.", show_default=False)
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="VALUE",
            help="Only records with this key, as it is written in the file. Several columns: 'VALUE, VALUE'.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="DATE",
            help="Only records from files of this day (UTC) or later.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="DATE",
            help="Only records from files of this day (UTC) or earlier.",
            show_default=False,
        ),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="|".join(STATES),
            help="Only records in this state; may be repeated.",
            show_default="open and waiting",
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Records in every state, also the resolved ones.")] = False,
    form: Annotated[Format, typer.Option("--format", help="The output format.")] = Format.TABLE,
    raw: Raw = False,
) -> None:
    """List the rejected records, with their reasons.

    Lists the records that are open or waiting: reasons, raw text, file and row. A record is open until a corrected row
    with its key is loaded, and waiting if only its parent is missing. It is resolved when it was healed (its parent was
    loaded), corrected or replayed: resolved_by names the batch, resolution says how.
    """
    wanted = Wanted(_states(state, every=every), reason, file, batch, key, _day(since), _day(until))
    with connected(read_home()) as lakehouse:
        # delta-rs, which reads the records, does not report wrong credentials or a missing bucket clearly.
        with failures_named("Reading the rejected records"):
            lakehouse.zone.store.s3.head_bucket(Bucket=lakehouse.settings.bucket)
        asked = rejected_of(lakehouse, dataset)
        records = (record for each in asked for record in each.records(wanted))
        if form is Format.TABLE and sys.stdout.isatty():
            reasons = _print_blocks(records)
            _print_hints(lakehouse, reasons)
            stdout().print(_summary(asked, wanted))
        else:
            print_rows(COLUMNS, records, form, raw=raw)
            print_note(_summary(asked, wanted))


def rejected_of(lakehouse: Lakehouse, dataset: str | None = None) -> list[Rejected]:
    """The rejected records of a dataset, or of each. Raises BadConfiguration for a dataset that has no contract."""
    if dataset is not None:
        require_dataset(dataset, lakehouse.contracts)
    names = [dataset] if dataset else list(lakehouse.contracts)
    found = (
        Rejected.of(lakehouse.contracts[name], lakehouse.tables, lakehouse.zone.scratch, lakehouse.settings.memory_mb)
        for name in names
    )
    return [each for each in found if each is not None]


def _states(named: Sequence[str] | None, *, every: bool) -> tuple[Any, ...]:
    if wrong := [name for name in named or () if name not in STATES]:
        raise BadConfiguration(f"There is no state {', '.join(wrong)}. The states: {', '.join(STATES)}")
    return tuple(State) if every else tuple(map(State, named)) if named else Wanted().states


def _day(time: datetime | None) -> date | None:
    return time.replace(tzinfo=UTC).date() if time else None


def _print_blocks(records: Iterator[tuple[Any, ...]]) -> list[tuple[str, str]]:
    """Prints each record as a block of lines: ten columns, one of them a whole row, do not fit a terminal. Returns each
    dataset and reason that was printed, once."""
    console = stdout()
    number = 0
    printed: dict[tuple[str, str], None] = {}
    for number, (
        dataset,
        state,
        reasons,
        raw,
        source_file,
        row_number,
        batch_id,
        _,
        resolved_by,
        resolution,
    ) in enumerate(records, start=1):
        if number > MOST_TABLE_ROWS:
            continue
        console.print(_heading(dataset, state, reasons))
        printed |= dict.fromkeys((dataset, reason) for reason in reasons)
        console.print(Padding(Text(visible(short_text(raw))), (0, 0, 0, 4)))
        console.print(Padding(Text(visible(f"{source_file}, row {row_number}, batch {batch_id}"), "dim"), (0, 0, 0, 4)))
        if resolved_by:
            console.print(Padding(Text(f"{resolution} by batch {resolved_by}", "green"), (0, 0, 0, 4)))
    if number > MOST_TABLE_ROWS:
        console.print(f"and {number - MOST_TABLE_ROWS:,} more: --format csv and --format json print all")
    return list(printed)


def _print_hints(lakehouse: Lakehouse, reasons: Iterable[tuple[str, str]]) -> None:
    """A hint for each reason that needs one."""
    console = stdout()
    for dataset, reason in reasons:
        if found := hint(reason, lakehouse.contracts[dataset]):
            console.print(f"{dataset}: {reason}: {found}", style="dim", soft_wrap=not console.is_terminal)


def _heading(dataset: str, state: str, reasons: Sequence[str]) -> Text:
    """The first line of a record: dataset, state and reasons."""
    return Text.assemble((dataset, "bold"), "  ", (state, STYLES[state]), "  ", (visible("; ".join(reasons)), "yellow"))


def _summary(asked: Sequence[Rejected], wanted: Wanted) -> str:
    """The number of records in each state, also of those that are not shown."""
    found: Counter[State] = Counter()
    for each in asked:
        found.update(each.counts(wanted))
    shown = ", ".join(f"{found[state]:,} {state}" for state in wanted.states)
    hidden = [state for state in State if state not in wanted.states and found[state]]
    not_shown = ", ".join(f"{found[state]:,} {state}" for state in hidden)
    options = "--all" if len(hidden) > 1 or State.RESOLVED in hidden else f"--state {hidden[0]}" if hidden else ""
    return f"Rejected records: {shown}." + (f" Not shown: {not_shown} ({options} shows them)." if hidden else "")
