"""Which engine loads: the setting, unless a command or a run says otherwise. The tables' own history tells who wrote
them.
"""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from deltalake import DeltaTable
from typer.testing import CliRunner

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.main import app
from lakehouse_assets.definitions import defs
from lakehouse_assets.errors import TemporaryOutage
from lakehouse_assets.jobs import LOAD_BATCH
from lakehouse_assets_tests.glue.jobs import SLEEP, make_job, stopped
from lakehouse_assets_tests.spark import spark_of_tests
from lakehouse_assets_tests.support import freeze, keys, product, products_csv, put, put_one_of_each, table_rows


@pytest.fixture
def embedded_unless_told(environment_of_lakehouse: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command puts into the process's environment is taken back; the Spark that runs is the one for small
    data.
    """
    monkeypatch.setenv("LAKEHOUSE_ENGINE", "embedded")
    spark_of_tests()


def load_by_command(folder: Path, number: int, *options: str) -> None:
    file = folder / f"{number}.csv"
    file.write_text(products_csv(product(number)))
    result = CliRunner().invoke(app, ["load", str(file), *options])
    assert result.exit_code == 0, result.output


def load_by_run(lakehouse: Lakehouse, number: int, resources: dict[str, object]) -> None:
    put(lakehouse, f"raw/products/{number}.csv", products_csv(product(number)))
    with dg.DagsterInstance.ephemeral() as instance:
        config = {"resources": resources, "ops": {"landing__batch": {"config": {"gate": "any"}}}}
        assert defs.resolve_job_def(LOAD_BATCH).execute_in_process(instance=instance, run_config=config).success


def writers(lakehouse: Lakehouse) -> list[str]:
    """Who made the table's commits, the oldest first: its creation, then one a batch."""
    table = DeltaTable(lakehouse.tables.table("products"), storage_options=lakehouse.aws.storage_options)
    return ["spark" if "Spark" in commit["engineInfo"] else "embedded" for commit in reversed(table.history())]


@pytest.mark.spark
@pytest.mark.usefixtures("embedded_unless_told")
def test_the_option_engine_goes_before_the_environment(lakehouse: Lakehouse, tmp_path: Path) -> None:
    load_by_command(tmp_path, 1)
    load_by_command(tmp_path, 2, "--engine", "spark")
    assert writers(lakehouse) == ["embedded", "embedded", "spark"]
    assert [row[0] for row in table_rows(lakehouse, "products")] == [1, 2]


def test_an_engine_that_there_is_not_is_wrong_usage(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["load", str(tmp_path), "--engine", "duck"])
    assert result.exit_code == 2
    assert "embedded" in result.output
    assert "glue" in result.output


@pytest.mark.spark
@pytest.mark.usefixtures("embedded_unless_told")
def test_the_config_of_a_run_chooses_the_engine_of_that_run(lakehouse: Lakehouse) -> None:
    load_by_run(lakehouse, 1, {"lakehouse": {"config": {"engine": "spark"}}})
    load_by_run(lakehouse, 2, {})
    assert writers(lakehouse) == ["spark", "spark", "embedded"]
    assert [row[0] for row in table_rows(lakehouse, "products")] == [1, 2]


def test_while_a_glue_run_may_write_no_other_engine_loads_the_dataset(lakehouse: Lakehouse) -> None:
    """Dagster was killed, its Glue run was not, and someone tries another engine. What the run would load plays no part
    here, so it only sleeps.
    """
    settings = lakehouse.settings.model_copy(
        update={"engine": "embedded", "aws": "account", "glue_job": "{job}-" + uuid4().hex[:12]}
    )
    house = Lakehouse(settings, lakehouse.aws)
    put_one_of_each(house)
    batch = freeze(house)
    runs = make_job(house, SLEEP)
    run_id = runs.start({"--manifest": "s3://bucket/1.json"}, {}, print)
    with pytest.raises(
        TemporaryOutage, match=f"Run {run_id} of Glue job {runs.job} is (starting|running) and may still write"
    ):
        batch.load("products")
    assert keys(house, "lakehouse-dwh/") == []
    assert batch.load("orders").counts.inserted == 1, "another dataset's table is another matter"
    stopped(runs)
    assert batch.load("products").counts.inserted == 1
