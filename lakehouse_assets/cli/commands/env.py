"""`lakehouse env`: how other programs connect to the embedded AWS of this home."""

from __future__ import annotations

import json
import shlex
from enum import StrEnum
from typing import Annotated

import typer

from lakehouse_assets.cli.home import absolute
from lakehouse_assets.cli.terminal.errors import print_note
from lakehouse_assets.embedded_aws.process import running
from lakehouse_assets.errors import BadConfiguration, LakehouseError
from lakehouse_assets.settings import read_settings

NOTE = (
    "These values are secret: whoever has them can run code as you. They are valid for this home only, while its"
    " embedded AWS runs."
)


class Form(StrEnum):
    """For a shell's eval, or for a program."""

    shell = "shell"
    json = "json"


def env(
    form: Annotated[Form, typer.Option("--format", help="Lines for a shell, or one JSON object.")] = Form.shell,
) -> None:
    """Print how other programs connect to the embedded AWS.

    Prints environment variables with the endpoint, the region and the credentials of the embedded AWS that runs for
    this home (lakehouse up). The credentials are secret.
    """
    settings = read_settings()
    if settings.aws == "account":
        raise BadConfiguration(
            "LAKEHOUSE_AWS is account: other programs connect to the account as boto3 does, with your own profile or"
            " environment variables."
        )
    home = absolute(settings.home)
    aws = running(home)
    if aws is None:
        raise LakehouseError(f"No embedded AWS is running for {home}. Start one: lakehouse up")
    print_note(NOTE)
    if form is Form.json:
        typer.echo(json.dumps(aws.environment(), indent=2))
        return
    for name, value in aws.environment().items():
        typer.echo(f"export {name}={shlex.quote(value)}")
