"""The Glue job's entry point: what it makes of its arguments, and that it needs nothing else. (Whole batches through
it: test_glue_batches.)
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse_assets import glue_entry_point
from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.glue.platform import prepare
from lakehouse_assets.errors import BadConfiguration, BadData, LakehouseBusy, LeaseLost
from lakehouse_assets.etl.engines.spark.session import LOG_STORE
from lakehouse_assets.glue.arguments import arguments, step_arguments
from lakehouse_assets.glue.uploads import upload_contracts
from lakehouse_assets_tests.spark import spark_of_tests
from lakehouse_assets_tests.support import freeze, keys, product, products_csv, put, ran, rejects, table_rows

pytestmark = pytest.mark.long

OF_GLUE = (
    "--JOB_NAME",
    "products_etl",
    "--conf",
    "a=b --conf c=d",
    "--enable-metrics",
    "true",
    "--python-modules-installer-option",
    "--no-deps",
)


@pytest.fixture(autouse=True)
def aws_of_the_job(lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS as the process's own environment names it; and settings of ours that nobody may read."""
    for name, value in lakehouse.aws.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LAKEHOUSE_MEMORY_MB", "not a number")


def given_arguments(lakehouse: Lakehouse, dataset: str = "products", **changed: str) -> list[str]:
    contracts = upload_contracts(lakehouse.zone.store, "control/", lakehouse.settings.contracts)
    manifest = f"s3://{lakehouse.settings.bucket}/control/manifests/1.json"
    named = arguments(lakehouse.settings, dataset, contracts) | {"--manifest": manifest}
    return [part for pair in (named | {f"--{name}": value for name, value in changed.items()}).items() for part in pair]


def refusal(given: list[str]) -> str:
    with pytest.raises(BadConfiguration) as refused:
        glue_entry_point.main([*OF_GLUE, *given])
    return str(refused.value)


def test_a_missing_argument_is_named() -> None:
    assert (
        refusal(["--dataset", "products", "--bucket", "lake"])
        == "The job's arguments cannot be used: the following arguments are required: --manifest, --contracts. Correct"
        " the job's definition, or what starts it."
    )


def test_what_the_arguments_name_must_be_there(lakehouse: Lakehouse) -> None:
    bucket = lakehouse.settings.bucket
    assert (
        refusal(given_arguments(lakehouse))
        == f"There is no manifest at s3://{bucket}/control/manifests/1.json. Correct --manifest, or restore it from its"
        " older version."
    )
    assert refusal(given_arguments(lakehouse, contracts=f"s3://{bucket}/nowhere/")).startswith(
        f"There are no contracts at s3://{bucket}/nowhere/"
    )
    assert (
        refusal(given_arguments(lakehouse, "customers"))
        == "There is no contract of customers, only of orders, products, order_items. Correct --dataset."
    )


def test_a_wrong_value_is_named(lakehouse: Lakehouse) -> None:
    assert "reject_limit" in refusal(given_arguments(lakehouse, **{"reject-limit": "7"}))
    assert (
        refusal(given_arguments(lakehouse, manifest="manifests/1.json"))
        == "manifests/1.json is not an S3 location: it must begin with s3://."
    )


def test_every_setting_that_the_load_uses_is_an_argument(lakehouse: Lakehouse) -> None:
    """A prefix that the job did not know would be a table in the wrong place."""
    prefixes = {
        f"--{name.replace('_', '-')}" for name in type(lakehouse.settings).model_fields if name.endswith("_prefix")
    }
    assert prefixes | {"--bucket", "--reject-limit"} <= set(
        arguments(lakehouse.settings, "orders", "s3://bucket/contracts/")
    )


def steps_arguments(lakehouse: Lakehouse, step: str, **told: str) -> list[str]:
    contracts = upload_contracts(lakehouse.zone.store, "control/", lakehouse.settings.contracts)
    named = step_arguments(lakehouse.settings, step, contracts) | {f"--{name}": value for name, value in told.items()}
    return [part for pair in named.items() for part in pair]


def test_other_steps_of_a_batch_run_without_spark_and_ask_for_what_they_need(lakehouse: Lakehouse) -> None:
    """There is no load in between, so that nothing may be archived yet: that is the step's own answer."""
    put(lakehouse, "uploads/p.csv", products_csv(product(1)))
    glue_entry_point.main([*OF_GLUE, *steps_arguments(lakehouse, "convert")])
    batch = lakehouse.freeze("any")
    assert batch is not None
    assert [file.dataset for file in batch.manifest.files if file.dataset] == ["products"]
    with pytest.raises(BadData, match="No load has read"):
        glue_entry_point.main([*OF_GLUE, *steps_arguments(lakehouse, "archive", batch=batch.id)])
    assert "required: --batch" in refusal(steps_arguments(lakehouse, "archive"))
    assert "invalid choice: 'freeze'" in refusal(steps_arguments(lakehouse, "freeze"))


def test_a_run_of_an_execution_does_nothing_while_another_works(lakehouse: Lakehouse) -> None:
    put(lakehouse, "uploads/p.csv", products_csv(product(1)))
    lakehouse.take_lease(print)
    with pytest.raises(LakehouseBusy):
        glue_entry_point.main(
            [
                *OF_GLUE,
                *steps_arguments(lakehouse, "convert", execution="arn:aws:states:us-east-1:000000000000:execution:m:x"),
            ]
        )
    assert keys(lakehouse, "raw/") == []
    lakehouse.lease.release()


@pytest.mark.spark
@pytest.mark.parametrize("write", [1, 2], ids=["before it rejects", "before it merges"])
def test_a_run_that_outlived_its_batch_doubles_no_row(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    """Dagster was killed, its Glue run was not; someone gives the batch up meanwhile, and a correction is loaded. (The
    load as the job does it, in the tests' own session, which the whole job would end. The run's look at what is under
    way is real; the others act right before it.)"""
    looks: list[str] = []
    look = Batch.confirm_under_way

    def others_act_first(batch: Batch) -> None:
        looks.append(batch.id)
        if len(looks) == write:
            lakehouse.abandon("it hangs")
            put(lakehouse, "raw/products/corrected.csv", products_csv(product(1, "Globe"), product(2)))
            ran(lakehouse)
        look(batch)

    monkeypatch.setattr(Batch, "confirm_under_way", others_act_first)
    put(lakehouse, "raw/products/p.csv", products_csv(product(1, "Atlas"), product("x")))
    batch = freeze(lakehouse)

    of_run = Batch(Lakehouse(lakehouse.settings, lakehouse.aws), batch.manifest)

    with pytest.raises(LeaseLost, match=f"Batch {batch.id} is no longer under way"):
        glue_entry_point._load(of_run, "products", spark_of_tests())

    assert table_rows(lakehouse, "products", "product_id", "product_name") == [(1, "Globe"), (2, "Atlas")]
    assert [len(lakehouse.reports.all()), lakehouse.reports.all()[0]["status"]] == [2, "abandoned"]


def test_of_a_batch_that_is_being_given_up_nothing_more_is_written(lakehouse: Lakehouse) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    batch = freeze(lakehouse)
    batch.confirm_under_way()
    lakehouse.zone.store.put_json(
        lakehouse.zone.report_key(batch.manifest), batch.record_failure("too big") | {"status": "abandoned"}
    )
    with pytest.raises(LeaseLost, match="is no longer under way"):
        batch.confirm_under_way()


@pytest.mark.spark
def test_spark_submit_runs_it_on_any_cluster_and_bad_data_is_its_exit(lakehouse: Lakehouse, tmp_path: Path) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1), product("x")))
    manifest = f"s3://{lakehouse.settings.bucket}/{lakehouse.zone.manifest_key(freeze(lakehouse).id)}"
    jar = {"--extra-jars": "s3://bucket/log-store.jar"}
    environment = prepare({"--datalake-formats": "delta"} | jar, lambda _: LOG_STORE.read_bytes(), tmp_path, print)
    environment |= {
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "LAKEHOUSE_BUCKET": "someone-elses",
        "PATH": os.environ["PATH"],
    }
    program = str(Path(sys.executable).with_name("spark-submit"))
    submit = [program, "--properties-file", str(tmp_path / "spark.properties"), glue_entry_point.__file__]

    ended = subprocess.run(
        [*submit, *OF_GLUE, *given_arguments(lakehouse, manifest=manifest, **{"reject-limit": "0.2"})],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert ended.returncode != 0
    assert "lakehouse_assets.errors.BadData: products: 1 of 2 rows are rejected, above the limit of 20%" in ended.stdout
    assert [record["raw"]["product_id"] for record in rejects(lakehouse, "products")] == ["x"]
    assert keys(lakehouse, "lakehouse-dwh/products/department_id") == []
