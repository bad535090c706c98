"""The preset `ecom_lakehouse` as it is deployed, on the embedded AWS: EventBridge tells of files, Glue jobs (processes
with real Spark) do the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets_tests.aws_deploy.pipelines import Pipeline, deployed
from lakehouse_assets_tests.support import (
    ITEMS,
    ORDERS,
    Row,
    archived,
    item,
    keys,
    nonzero,
    order,
    orders_csv,
    product,
    products_csv,
    put,
    rejects,
    table_rows,
    workbook,
)

pytestmark = [pytest.mark.long, pytest.mark.spark]

BROKEN = """
import sys
if "{dataset}" in sys.argv:
    class {kind}(Exception): pass
    raise {kind}("{message}")
from lakehouse_assets.glue_entry_point import main
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, lambda_zips: dict[str, Path]) -> Iterator[Pipeline]:
    with deployed(
        tmp_path_factory.mktemp("pipeline"), lambda_zips, "ecom_lakehouse", engine="glue", gate="any"
    ) as running:
        yield running


def runs(house: Lakehouse, job: str) -> list[dict[str, Any]]:
    """The runs of a job, the latest first."""
    return [dict(run) for run in house.aws.client("glue").get_job_runs(JobName=job)["JobRuns"]]


def script_of(house: Lakehouse) -> str:
    """The key of the jobs' script."""
    [key] = [key for key in keys(house, "control/code/") if key.endswith("glue_entry_point.py")]
    return key


def test_files_under_uploads_become_tables_by_glue_jobs(pipeline: Pipeline, tmp_path: Path) -> None:
    house = pipeline.house
    rows: dict[str, Sequence[Row]] = {
        "orders": [ORDERS, order(1), order("x")],
        "items": [ITEMS, item(1, 1, 1), item(2, 2, 1)],
    }
    with pipeline.events_held_back():
        put(house, "uploads/products.csv", products_csv(product(1)))
        put(house, "uploads/april.xlsx", workbook(tmp_path / "april.xlsx", rows))
        put(house, "uploads/more.csv", orders_csv(order(3)))
    # EventBridge told the queue of them, and now the queue calls.

    report = pipeline.succeeded()

    assert {dataset: nonzero(counts) for dataset, counts in report["datasets"].items()} == {
        "products": {"read": 1, "inserted": 1},
        "orders": {"read": 3, "inserted": 2, "rejected": 1},
        "order_items": {"read": 2, "inserted": 1, "rejected": 1},
    }
    execution = report["run_by"]["execution"]
    for job in ("convert_excel_to_csv", "etl_products", "etl_orders", "etl_order_items", "archive_raw_csvs"):
        latest = runs(house, job)[0]
        assert (latest["JobRunState"], latest["Arguments"]["--execution"]) == ("SUCCEEDED", execution)
    assert table_rows(house, "order_items", "id") == [(1,)]
    assert [record["waiting"] for record in rejects(house, "order_items")] == [True]
    assert house.athena.query(
        "SELECT count(*) FROM order_items JOIN orders USING (order_id) JOIN products USING (product_id)"
    ).rows == [(1,)]
    assert house.athena.query("SELECT count(*) FROM rejected_orders").rows == [(1,)]
    assert {key.split("/")[0] for key in archived(house)} == {"uploads", "lakehouse"}
    assert keys(house, "uploads/") == keys(house, "lakehouse/raw/") == []


def test_a_glue_job_that_fails_is_tried_again_only_where_that_may_heal_it(pipeline: Pipeline) -> None:
    """Bad data fails at once. What infrastructure failed has two more runs. The redrive with a job that works goes on,
    and loads once.
    """
    house, script = pipeline.house, script_of(pipeline.house)
    sound = house.zone.store.s3.get_object(Bucket=house.settings.bucket, Key=script)["Body"].read()
    before = len(runs(house, "etl_orders"))
    put(house, script, BROKEN.format(dataset="orders", kind="BadData", message="orders: no good"))
    put(house, "uploads/late.csv", orders_csv(order(2)))

    told = pipeline.failed()

    assert "orders: no good" in told
    assert len(runs(house, "etl_orders")) == before + 1
    failed = pipeline.executions()[0]
    assert (failed["status"], failed["error"]) == ("FAILED", "BadData")
    assert house.reports.all()[-1]["error"] == "orders: no good"

    put(house, script, BROKEN.format(dataset="orders", kind="RuntimeError", message="an executor is lost"))
    pipeline.states.redrive_execution(executionArn=failed["executionArn"])

    assert "an executor is lost" in pipeline.failed()
    assert len(runs(house, "etl_orders")) == before + 4

    put(house, script, sound)
    pipeline.states.redrive_execution(executionArn=failed["executionArn"])

    report = pipeline.succeeded()
    assert nonzero(report["datasets"]["orders"]) == {"read": 1, "inserted": 1}
    assert nonzero(report["datasets"]["order_items"]) == {"retried": 1, "inserted": 1}
    assert table_rows(house, "order_items", "id") == [(1,), (2,)]
