"""`lakehouse rejects`: the rejected records, with every reason and the raw text."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse_assets.cli.home import read_home
from lakehouse_assets.cli.output import MOST_TABLE_ROWS, Format, Raw, print_rows, short_text, stdout
from lakehouse_assets.cli.told import visible
from lakehouse_assets.errors import BadConfiguration

if TYPE_CHECKING:
    from lakehouse_assets.lakehouse import Lakehouse

COLUMNS = ("dataset", "reasons", "raw", "source_file", "row_number", "batch_id", "healed_by")
ROWS_AT_ONCE = 1000


def datasets() -> list[str]:
    from lakehouse_assets.contracts import read_contracts
    from lakehouse_assets.settings import read_settings

    return list(read_contracts(read_settings().contracts))


def rejects(
    dataset: Annotated[str | None, typer.Option(help="Only those of this dataset; otherwise of all.", show_default=False, autocompletion=datasets)] = None,
    form: Annotated[Format, typer.Option("--format", help="How the records are written.")] = Format.TABLE,
    raw: Raw = False,
) -> None:
    """Show rejected records: the reasons, the raw text, where each came from. healed_by names the batch that loaded it after all."""
    from lakehouse_assets.aws import failures_named
    from lakehouse_assets.lakehouse import connected

    with connected(read_home()) as lakehouse:
        # delta-rs, which reads the records, has no words for wrong credentials, nor for a bucket that is not there.
        with failures_named("Looking for rejected records"):
            lakehouse.zone.store.s3.head_bucket(Bucket=lakehouse.settings.bucket)
        records = rejected_records(lakehouse, dataset)
        if form is Format.TABLE and sys.stdout.isatty():
            _print_one_below_the_other(records)
        else:
            print_rows(COLUMNS, records, form, raw=raw)


def _print_one_below_the_other(records: Iterator[tuple[Any, ...]]) -> None:
    """Seven columns, one of which is a whole row, are too much for a terminal's width."""
    from rich.padding import Padding
    from rich.text import Text

    console = stdout()
    place = 0
    for place, (dataset, reasons, raw, source_file, row_number, batch_id, healed_by) in enumerate(records, start=1):
        if place > MOST_TABLE_ROWS:
            continue
        console.print(Text.assemble((dataset, "bold"), "  ", (visible("; ".join(reasons)), "yellow")))
        console.print(Padding(Text(visible(short_text(raw))), (0, 0, 0, 4)))
        console.print(Padding(Text(visible(f"{source_file}, row {row_number}, batch {batch_id}"), "dim"), (0, 0, 0, 4)))
        if healed_by:
            console.print(Padding(Text(f"healed by batch {healed_by}", "green"), (0, 0, 0, 4)))
    more = max(0, place - MOST_TABLE_ROWS)
    console.print(f"and {more:,} more: --format csv or --format json gives them all" if more else f"{place:,} rejected records")


def rejected_records(lakehouse: Lakehouse, dataset: str | None = None) -> Iterator[tuple[Any, ...]]:
    """The values of COLUMNS of each rejected record, by dataset, file and row: reasons as a list, raw as a dict.

    Raises BadConfiguration for a dataset that has no contract.
    """
    import duckdb

    from lakehouse_assets.etl.engines.embedded.delta import existing_table, look_up

    if dataset is not None and dataset not in lakehouse.contracts:
        raise BadConfiguration(f"There is no dataset {dataset}. The datasets: {', '.join(lakehouse.contracts)}")
    for name in [dataset] if dataset else lakehouse.contracts:
        table = existing_table(lakehouse.tables.rejects(name), lakehouse.aws.storage_options)
        if table is None:
            continue
        records = look_up(table, COLUMNS, "true")
        with duckdb.connect() as connection:
            found = connection.register("records", records).execute("SELECT * FROM records ORDER BY source_file, row_number, batch_id")
            while rows := found.fetchmany(ROWS_AT_ONCE):
                yield from rows
