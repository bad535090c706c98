"""`lakehouse env`: how other programs reach the embedded AWS of this home."""

from __future__ import annotations

import json
import shlex
from enum import StrEnum
from typing import Annotated

import typer

from lakehouse_assets.cli.home import absolute
from lakehouse_assets.embedded_aws.process import running
from lakehouse_assets.errors import BadConfiguration, LakehouseError
from lakehouse_assets.settings import read_settings

NOTE = (
    "These values are secret: who has them runs code as you. They hold for this home alone, and as long as its embedded"
    " AWS runs."
)


class Form(StrEnum):
    """For a shell's eval, or for a program."""

    shell = "shell"
    json = "json"


def env(
    form: Annotated[Form, typer.Option("--format", help="Lines for a shell, or one JSON object.")] = Form.shell,
) -> None:
    """Print how other programs connect to the embedded AWS."""
    settings = read_settings()
    if settings.aws == "account":
        raise BadConfiguration(
            "LAKEHOUSE_AWS is account: other programs reach that account as boto3 does, by your own profile or"
            " variables."
        )
    home = absolute(settings.home)
    aws = running(home)
    if aws is None:
        raise LakehouseError(f"No embedded AWS runs for {home}. lakehouse up runs one until it is stopped.")
    typer.echo(NOTE, err=True)
    if form is Form.json:
        typer.echo(json.dumps(aws.environment(), indent=2))
        return
    for name, value in aws.environment().items():
        typer.echo(f"export {name}={shlex.quote(value)}")
