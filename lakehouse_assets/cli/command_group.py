"""The group of all commands: our errors become one message and an exit code."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from lakehouse_assets.cli.terminal.ending import full_disk_named
from lakehouse_assets.cli.terminal.errors import FAILED, WRONG_USAGE, home_folder, tell
from lakehouse_assets.errors import BadConfiguration, LakehouseError


class Commands(TyperGroup):
    """The commands, each of which may raise LakehouseError: 2 for wrong usage and configuration, 1 for all else."""

    def invoke(self, ctx: Any) -> Any:
        try:
            with full_disk_named(home_folder()):
                return super().invoke(ctx)
        except LakehouseError as error:
            tell(str(error))
            raise typer.Exit(WRONG_USAGE if isinstance(error, BadConfiguration) else FAILED) from None
