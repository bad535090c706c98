"""The preset `ecommerce` as it is deployed, on the embedded AWS: templates, Lambdas from their zips, state machine,
crawlers, Athena, topic; small batches.

One deployment for the module: each test lets its own files land, and asks only about these.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from deltalake import DeltaTable

from aws_deploy.embedded import deploy
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.etl.report_types import LoadReport
from lakehouse_assets.sample_data.files import make_sample_data
from lakehouse_assets_tests.aws_deploy.pipelines import Pipeline, deployed
from lakehouse_assets_tests.embedded_aws.steps import wait_for
from lakehouse_assets_tests.support import (
    append_behind_its_back,
    item,
    items_csv,
    keys,
    nonzero,
    order,
    orders_csv,
    outcomes,
    product,
    products_csv,
    put,
    rejects,
    table_rows,
)

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, lambda_zips: dict[str, Path]) -> Iterator[Pipeline]:
    with deployed(tmp_path_factory.mktemp("pipeline"), lambda_zips) as running:
        yield running


@pytest.fixture
def house(pipeline: Pipeline) -> Lakehouse:
    return pipeline.house


def put_batch(house: Lakehouse, number: int) -> None:
    """A file of each dataset with one row, whose keys are this number."""
    put(house, f"raw/products/p{number}.csv", products_csv(product(number)))
    put(house, f"raw/orders/o{number}.csv", orders_csv(order(number)))
    put(house, f"raw/order_items/i{number}.csv", items_csv(item(number, number, number)))


def events(house: Lakehouse, key: str, copies: int) -> list[dict[str, str]]:
    """S3's message for an object, as it stands in the queue, so many times."""
    record = {
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": house.settings.bucket}, "object": {"key": key}},
    }
    return [{"Id": str(number), "MessageBody": json.dumps({"Records": [record]})} for number in range(copies)]


def send(house: Lakehouse, messages: list[dict[str, str]]) -> None:
    sqs = house.aws.client("sqs")
    for start in range(0, len(messages), 10):
        sqs.send_message_batch(QueueUrl=house.queue.url, Entries=messages[start : start + 10])


def crawls(pipeline: Pipeline, report: LoadReport) -> set[str]:
    return {
        state for state in pipeline.states_of(str(report["run_by"]["execution"])) if state.startswith("StartCrawler")
    }


def test_sample_files_become_tables_and_a_second_upload_changes_no_value(
    pipeline: Pipeline, house: Lakehouse, tmp_path: Path
) -> None:
    sample = make_sample_data(tmp_path, house.contracts)
    files = sorted(sample.first.iterdir())
    with pipeline.events_held_back():
        for path in files:
            put(house, f"uploads/{path.name}", path)

    report = pipeline.succeeded()

    assert report["run_by"]["execution"] == pipeline.executions()[-1]["executionArn"]
    assert crawls(pipeline, report) == {"StartCrawlerTables", "StartCrawlerRejected"}
    assert sorted(report["datasets"]) == sorted(house.contracts)
    for dataset, counts in report["datasets"].items():
        assert len(table_rows(house, dataset)) == counts["inserted"] > 0
        assert len(rejects(house, dataset)) == counts["rejected"] > 0
        assert house.athena.query(f"SELECT count(*) FROM rejected_{dataset}").rows == [(counts["rejected"],)]
    assert keys(house, "raw/") == keys(house, "uploads/") == []
    checks = house.batch(report["batch_id"]).check_results()
    assert [result for results in checks.values() for result in results if result.severe and not result.passed] == []

    before = {dataset: table_rows(house, dataset) for dataset in house.contracts}
    with pipeline.events_held_back():
        for path in files:
            put(house, f"uploads/{path.name}", path)

    again = pipeline.succeeded()

    assert again["batch_id"] != report["batch_id"]
    assert {file["outcome"] for file in again["files"] if file["dataset"]} <= {"duplicate", "empty"}
    assert {dataset: table_rows(house, dataset) for dataset in house.contracts} == before
    assert crawls(pipeline, again) == set(), "no new table, no new column: nothing to register, and nothing to pay"


def test_a_storm_of_events_starts_one_execution(pipeline: Pipeline, house: Lakehouse) -> None:
    before = len(pipeline.executions())
    with pipeline.events_held_back():
        put_batch(house, 2_000_001)
        send(house, events(house, "raw/orders/o2000001.csv", 1000))

    report = pipeline.succeeded()

    assert nonzero(report["datasets"]["order_items"]) == {"read": 1, "inserted": 1}
    send(house, events(house, "raw/orders/o2000001.csv", 20))
    pipeline.at_rest()
    assert len(pipeline.executions()) == before + 1
    assert len(keys(house, "control/reports/")) == len({report["batch_id"] for report in house.reports.all()})


def test_what_the_gate_holds_back_waits_without_an_execution(pipeline: Pipeline, house: Lakehouse) -> None:
    before = len(pipeline.executions())
    put(house, "raw/products/p2000002.csv", products_csv(product(2_000_002)))
    put(house, "raw/orders/o2000002.csv", orders_csv(order(2_000_002)))
    pipeline.at_rest()
    assert len(pipeline.executions()) == before

    put(house, "raw/order_items/i2000002.csv", items_csv(item(2_000_002, 2_000_002, 2_000_002)))

    assert sorted(outcomes(pipeline.succeeded()).values()) == ["loaded"] * 3
    assert len(pipeline.executions()) == before + 1


def test_a_file_whose_event_was_lost_is_found_by_the_listing(pipeline: Pipeline, house: Lakehouse) -> None:
    with pipeline.events_held_back():
        put_batch(house, 2_000_003)
        house.aws.client("sqs").purge_queue(QueueUrl=house.queue.url)
        assert "is started" in pipeline.start()
        pipeline.succeeded()


def test_a_message_that_cannot_be_read_ends_in_the_dead_letter_queue_and_holds_up_no_other(
    pipeline: Pipeline, house: Lakehouse
) -> None:
    sqs = house.aws.client("sqs")
    dead_letters = sqs.get_queue_url(QueueName=f"{house.settings.queue}-dead-letters")["QueueUrl"]
    hidden = sqs.get_queue_attributes(QueueUrl=house.queue.url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    # So that it comes again at once; as deployed it is hidden for minutes.
    sqs.set_queue_attributes(QueueUrl=house.queue.url, Attributes={"VisibilityTimeout": "1"})
    try:
        send(house, [{"Id": "0", "MessageBody": "no event"}, *events(house, "raw/orders/gone.csv", 2)[1:]])
        found = wait_for(lambda: sqs.receive_message(QueueUrl=dead_letters, WaitTimeSeconds=1).get("Messages"), 60)
        assert [message["Body"] for message in found] == ["no event"]
        pipeline.at_rest()
    finally:
        sqs.set_queue_attributes(QueueUrl=house.queue.url, Attributes=hidden)


def test_a_check_that_fails_is_told_and_a_redrive_goes_on_with_the_batch(pipeline: Pipeline, house: Lakehouse) -> None:
    """A key stands in the table twice; then the table is empty; then it is as it should be. The batch's rows are loaded
    once.
    """
    uri, options = house.tables.table("orders"), house.tables.storage_options
    sound = DeltaTable(uri, storage_options=options).version() + 1
    append_behind_its_back(house, "products", product_name="'twice'")
    with pipeline.events_held_back():
        put_batch(house, 2_000_004)
        pipeline.start()
        told = pipeline.failed()
    assert "Checks failed: products: key_unique" in told
    failed = pipeline.executions()[0]
    assert (failed["status"], failed["error"]) == ("FAILED", "BatchFailed")
    assert failed["executionArn"] in told
    report = house.reports.all()[-1]
    assert (report["status"], report["run_by"]["execution"]) == ("failed", failed["executionArn"])
    assert str(report["error"]) in told
    assert house.lease.held_by() is None

    DeltaTable(house.tables.table("products"), storage_options=options).delete("product_name = 'twice'")
    DeltaTable(uri, storage_options=options).delete()
    pipeline.states.redrive_execution(executionArn=failed["executionArn"])
    assert "orders: not_empty: the table is empty" in pipeline.failed()

    DeltaTable(uri, storage_options=options).restore(sound)
    pipeline.states.redrive_execution(executionArn=failed["executionArn"])
    report = pipeline.succeeded()
    assert nonzero(report["datasets"]["orders"]) == {"read": 1, "inserted": 1}
    assert len([row for row in table_rows(house, "orders", "order_id") if row == (2_000_004,)]) == 1
    assert pipeline.states.describe_execution(executionArn=failed["executionArn"])["status"] == "SUCCEEDED"


def test_an_execution_that_is_stopped_is_told_and_gives_the_lease_back(pipeline: Pipeline, house: Lakehouse) -> None:
    """No state of it is left to say so: the rule on its status calls the Lambda. The listing then starts another, which
    goes on.
    """
    with pipeline.events_held_back():
        put_batch(house, 2_000_005)
        pipeline.start()
        execution = pipeline.executions()[0]["executionArn"]
        wait_for(house.lease.held_by, 60)
        pipeline.states.stop_execution(executionArn=execution)
        assert "ABORTED" in pipeline.failed()
        assert house.lease.held_by() is None


def test_no_state_or_message_holds_a_rows_values(pipeline: Pipeline, house: Lakehouse) -> None:
    with pipeline.events_held_back():
        put_batch(house, 2_000_006)
        put(house, "raw/orders/dirt.csv", orders_csv(order("s3cret-value", amount="s3cret-value")))
        pipeline.start()
        report = pipeline.succeeded()
    assert report["datasets"]["orders"]["rejected"] == 1
    execution = report["run_by"]["execution"]
    history = pipeline.states.get_execution_history(executionArn=execution, maxResults=1000)
    assert "s3cret-value" not in json.dumps(history, default=str)
    assert "s3cret-value" not in json.dumps(report)


@pytest.mark.spark
def test_the_engine_auto_sends_a_big_dataset_to_glue_and_a_small_one_to_a_lambda(
    pipeline: Pipeline, house: Lakehouse
) -> None:
    """The engine and its limit are parameters of the stack: an update of it is enough."""
    items = items_csv(item(2_000_007, 2_000_007, 2_000_007))
    pipeline.at_rest()
    try:
        # ministack stops a Lambda that works while it is updated: its messages would come again after minutes.
        with pipeline.events_held_back():
            deploy(house.settings.model_copy(update={"engine": "auto", "auto_bytes": len(items)}), house.aws)
            put(house, "raw/products/p2000007.csv", products_csv(product(2_000_007)))
            put(house, "raw/orders/o2000007.csv", orders_csv(*(order(2_000_007 + number) for number in range(100))))
            put(house, "raw/order_items/i2000007.csv", items)
        report = pipeline.succeeded()
    finally:
        deploy(house.settings, house.aws)
    assert {dataset: nonzero(counts) for dataset, counts in report["datasets"].items()} == {
        "products": {"read": 1, "inserted": 1},
        "orders": {"read": 100, "inserted": 100},
        "order_items": {"read": 1, "inserted": 1},
    }
    runs = {
        contract.dataset: house.aws.client("glue").get_job_runs(JobName=contract.job)["JobRuns"]
        for contract in house.contracts.values()
    }
    assert {dataset: len(found) for dataset, found in runs.items()} == {"products": 0, "orders": 1, "order_items": 0}
