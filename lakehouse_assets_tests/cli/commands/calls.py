"""Calls of the command line in this process."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner, Result

from lakehouse_assets.cli.main import app


def lakehouse_command(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def loaded(*paths: object) -> Any:
    """The report of a load that succeeded."""
    result = lakehouse_command("load", "--json", *paths)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)
