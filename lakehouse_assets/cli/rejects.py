"""`lakehouse rejects`: the rejected records, with every reason and the raw text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse_assets.cli.home import read_home
from lakehouse_assets.cli.output import Format, print_rows
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
) -> None:
    """Show rejected records: the reasons, the raw text, where each came from. healed_by names the batch that loaded it after all."""
    from lakehouse_assets.lakehouse import connected

    with connected(read_home()) as lakehouse:
        print_rows(COLUMNS, rejected_records(lakehouse, dataset), form)


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
