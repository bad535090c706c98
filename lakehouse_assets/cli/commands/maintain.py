"""`lakehouse maintain`: small files become few, and files that nobody refers to any more are deleted."""

from __future__ import annotations

from typing import Annotated

import typer

from lakehouse_assets.cli.home import read_home
from lakehouse_assets.cli.options import use
from lakehouse_assets.cli.terminal.tables import print_table
from lakehouse_assets.connect import connected
from lakehouse_assets.locks import locked
from lakehouse_assets.settings import A_WEEK, EngineName


def maintain(
    retain_hours: Annotated[
        int, typer.Option(min=A_WEEK, help="Old versions of the tables stay readable for so long; a week at least.")
    ] = A_WEEK,
    engine: Annotated[
        EngineName | None,
        typer.Option(
            callback=use,
            help="What does it: spark, where that is chosen (needs `make spark` once), else the embedded engine.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compact the tables and delete old versions.

    Joins small files into larger ones (OPTIMIZE) and deletes files that no recent version needs (VACUUM). No row
    changes.
    """
    del engine  # its callback has put it into the environment
    settings = read_home()

    def told_to_wait() -> None:
        typer.echo(f"A load runs in {settings.home}; this waits for it.", err=True)

    with (
        locked(settings.home / "load.lock", waiting=told_to_wait),
        connected(settings, holder="lakehouse maintain") as lakehouse,
    ):
        lakehouse.take_lease(lambda waiting: typer.echo(waiting, err=True))
        done = lakehouse.maintain(retain_hours)
    print_table(
        ("table", "files compacted", "into", "old files deleted"),
        [(it.table, it.compacted, it.into, it.deleted) for it in done],
        counts=True,
    )
