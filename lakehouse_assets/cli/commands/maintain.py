"""`lakehouse maintain`: compacts the tables and deletes files that no recent version needs."""

from __future__ import annotations

from typing import Annotated

import typer

from lakehouse_assets.cli.home import read_home
from lakehouse_assets.cli.options import use
from lakehouse_assets.cli.terminal.errors import print_note
from lakehouse_assets.cli.terminal.tables import print_table
from lakehouse_assets.connect import connected
from lakehouse_assets.locks import load_lock, locked
from lakehouse_assets.settings import A_WEEK, EngineName


def maintain(
    retain_hours: Annotated[
        int, typer.Option(min=A_WEEK, help="Keep old table versions for this many hours.")
    ] = A_WEEK,
    engine: Annotated[
        EngineName | None,
        typer.Option(
            callback=use,
            help="The engine that does it: spark if chosen (needs `make spark` once), otherwise the embedded engine.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compact the tables and delete old versions.

    Joins small files into larger ones (OPTIMIZE) and deletes files that no recent version needs (VACUUM). No row
    changes. Waits until no batch is being loaded.
    """
    del engine  # its callback has put it into the environment
    settings = read_home()

    def on_wait() -> None:
        print_note(f"Another command is loading into {settings.home}; waiting for its end.")

    with (
        locked(load_lock(settings.home), waiting=on_wait),
        connected(settings, holder="lakehouse maintain") as lakehouse,
    ):
        lakehouse.take_lease(print_note)
        done = lakehouse.maintain(retain_hours)
    print_table(
        ("table", "files compacted", "into", "old files deleted"),
        [(it.table, it.compacted, it.into, it.deleted) for it in done],
        counts=True,
    )
