"""What each command begins with: the settings, and a home that can be written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakehouse_assets.aws.environment import hide
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.athena import BadQuery
from lakehouse_assets.errors import BadConfiguration, LakehouseError
from lakehouse_assets.settings import Settings, read_settings

UNUSABLE = "?%"
"""Dagster writes the path into a URL as it is: what follows a question mark is no part of the file's name there, and
%20 another character."""


def read_home() -> Settings:
    """The settings of this process. Its home is created if need be and, absolute, put into the environment: whatever
    this process starts uses the same one.

    Raises BadConfiguration for wrong settings, and for a home that cannot be used or written.
    """
    home = absolute(read_settings().home)
    if wrong := unusable(home):
        raise BadConfiguration(
            f"The home {home} cannot be used: {wrong}. Set LAKEHOUSE_HOME (or --home) to another folder."
        )
    try:
        (home / "logs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadConfiguration(
            f"The home {home} cannot be made: {error.strerror}. Set LAKEHOUSE_HOME (or --home) to a folder that can be"
            " written."
        ) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise BadConfiguration(
            f"The home {home} cannot be written. Correct its permissions, or set LAKEHOUSE_HOME (or --home) to another"
            " folder."
        )
    os.environ["LAKEHOUSE_HOME"] = str(home)
    settings = read_settings()
    if settings.aws == "embedded":
        # Before there is a second thread, which might read the environment meanwhile.
        hide()
    return settings


def unusable(home: Path) -> str | None:
    """What in a home's path no lakehouse can work with."""
    wrong = sorted({character for character in str(home) if character in UNUSABLE or not character.isprintable()})
    return (
        f"its path holds {' '.join(map(repr, wrong))}, and the addresses of Dagster's databases cannot"
        if wrong
        else None
    )


def absolute(home: Path) -> Path:
    return home.expanduser().absolute()


@contextmanager
def tables_asked(lakehouse: Lakehouse) -> Iterator[None]:
    """Raises LakehouseError that says what runs a batch, where a table is not there because none has run yet."""
    try:
        yield
    except BadQuery as error:
        if "TABLE_NOT_FOUND" in str(error) and not lakehouse.reports.all():
            raise LakehouseError(no_batch_yet(lakehouse.settings)) from error
        raise


def no_batch_yet(settings: Settings) -> str:
    where = settings.home if settings.aws == "embedded" else f"bucket {settings.bucket}"
    return f"No batch has run in {where} yet. lakehouse load FILE runs one."
