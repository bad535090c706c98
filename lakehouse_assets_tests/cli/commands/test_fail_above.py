"""`lakehouse load --fail-above`: a script's own idea of how many rejected rows are too many."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.main import app
from lakehouse_assets_tests.support import order, orders_csv, table_rows

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")


def load(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["load", *map(str, arguments)])


@pytest.mark.parametrize(("share", "code"), [("0.5", 0), ("0.4", 1)])
def test_a_script_can_fail_above_a_share_of_rejected_rows_of_a_batch_that_is_loaded(
    lakehouse: Lakehouse, tmp_path: Path, share: str, code: int
) -> None:
    (tmp_path / "o.csv").write_text(orders_csv(order(1), order(2, amount="a lot")))
    result = load(tmp_path / "o.csv", "--json", "--fail-above", share)
    assert result.exit_code == code, result.output
    assert json.loads(result.stdout)["status"] == "succeeded_with_rejects"
    message = (
        "More than 40.0% of the rows were rejected (--fail-above): orders 50.0%. The batch is loaded nevertheless.\n"
    )
    assert result.stderr == (message if code else "")
    assert len(table_rows(lakehouse, "orders")) == 1


def test_a_share_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    assert load(tmp_path, "--fail-above", "90").exit_code == 2
