"""What each command begins with: the settings, and a home that can be written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from lakehouse_assets.aws.environment import hide
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.athena import BadQuery
from lakehouse_assets.cli.packages import install_command
from lakehouse_assets.errors import BadConfiguration, LakehouseError
from lakehouse_assets.settings import Settings, read_settings

UNUSABLE = "?%"
"""Dagster writes the path into a URL unescaped: there a question mark ends the file's name, and %20 is a space."""


def read_home() -> Settings:
    """The settings of this process. Creates the home if it does not exist, and puts its absolute path into the
    environment, for every process that this one starts.

    Raises BadConfiguration for invalid settings, for a home that cannot be used or written, and if the embedded AWS is
    used but not installed.
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
            f"The home {home} cannot be created: {error.strerror}. Set LAKEHOUSE_HOME (or --home) to a folder that you"
            " can write."
        ) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise BadConfiguration(
            f"The home {home} cannot be written. Correct its permissions, or set LAKEHOUSE_HOME (or --home) to another"
            " folder."
        )
    os.environ["LAKEHOUSE_HOME"] = str(home)
    settings = read_settings()
    if settings.aws == "embedded":
        if find_spec("ministack") is None:
            raise BadConfiguration(
                "The embedded AWS is not installed. Install it, or set LAKEHOUSE_AWS=account to use an AWS account:"
                f" {install_command('local')}"
            )
        # Before a second thread is started, which might read the environment meanwhile.
        hide()
    return settings


def unusable(home: Path) -> str | None:
    """Why a home's path cannot be used; None if it can."""
    wrong = sorted({character for character in str(home) if character in UNUSABLE or not character.isprintable()})
    return (
        f"its path contains {' '.join(map(repr, wrong))}, which the URLs of Dagster's databases cannot contain"
        if wrong
        else None
    )


def absolute(home: Path) -> Path:
    return home.expanduser().absolute()


@contextmanager
def missing_tables_explained(lakehouse: Lakehouse) -> Iterator[None]:
    """Raises LakehouseError that says how to run a batch, if a table is missing because no batch has run yet."""
    try:
        yield
    except BadQuery as error:
        if "TABLE_NOT_FOUND" in str(error) and not lakehouse.reports.all():
            raise LakehouseError(no_batch_yet(lakehouse.settings)) from error
        raise


def no_batch_yet(settings: Settings) -> str:
    """The message of a command that needs a batch, before the first one."""
    where = settings.home if settings.aws == "embedded" else f"bucket {settings.bucket}"
    return f"No batch has run in {where} yet. Run one: lakehouse load FILE"
