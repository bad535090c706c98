"""`lakehouse check`: 0 when every table is sound, 1 when one is not."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from lakehouse_assets.cli.main import app
from lakehouse_assets.lakehouse import Lakehouse
from lakehouse_assets_tests.support import append_behind_its_back, put_one_of_each, ran

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")


def test_sound_tables_are_said_to_be_so(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    ran(lakehouse)
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 0, result.output
    assert "no_orphans" in result.output
    assert "failed" not in result.output


def test_a_key_that_stands_twice_is_named_and_fails(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    ran(lakehouse)
    append_behind_its_back(lakehouse, "products")
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 1
    [line] = [line for line in result.output.splitlines() if "failed" in line]
    assert line.split()[:3] == ["products", "key_unique", "failed"]
