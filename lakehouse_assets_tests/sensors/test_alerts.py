"""Who subscribes to the topic hears how each batch went; where nobody can be told, a finished batch stays finished."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import dagster as dg
import pytest

from lakehouse_assets.cli.batches import run_batch
from lakehouse_assets.definitions import defs
from lakehouse_assets.jobs import LOAD_BATCH
from lakehouse_assets.lakehouse import Lakehouse
from lakehouse_assets.sensors.alerts import failure_alerts
from lakehouse_assets_tests.support import append_behind_its_back, items_csv, product, products_csv, put, put_one_of_each

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")


@pytest.fixture
def heard(lakehouse: Lakehouse) -> Callable[[], list[tuple[str, str]]]:
    """Subject and text of every message since the last call, as a subscribed queue gets them."""
    sns, sqs = lakehouse.aws.client("sns"), lakehouse.aws.client("sqs")
    url = sqs.create_queue(QueueName=f"{lakehouse.settings.topic}-subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=sns.create_topic(Name=lakehouse.settings.topic)["TopicArn"], Protocol="sqs", Endpoint=arn)

    def messages() -> list[tuple[str, str]]:
        found = []
        while received := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in received:
                body = json.loads(message["Body"])
                found.append((body["Subject"], body["Message"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    return messages


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_a_batch_that_succeeded_is_told_with_its_counts_and_no_values(lakehouse: Lakehouse, heard: Callable[[], list[tuple[str, str]]]) -> None:
    put_one_of_each(lakehouse)
    put(lakehouse, "raw/products/dirty.csv", products_csv(product("secret-value"), product(7)))
    put(lakehouse, "raw/products/broken.csv", b"\xff\xfe\x00")
    batch_id = run_batch(lakehouse)["batch_id"]
    [(subject, message)] = heard()
    assert subject == "A batch succeeded"
    assert f"Batch {batch_id}: succeeded." in message
    assert "products: 3 read, 2 inserted, 1 rejected" in message
    assert "set aside: broken.csv" in message
    assert "secret-value" not in message


def test_a_dead_topic_makes_no_finished_batch_a_failed_one(lakehouse: Lakehouse) -> None:
    sns = lakehouse.aws.client("sns")
    sns.delete_topic(TopicArn=sns.create_topic(Name=lakehouse.settings.topic)["TopicArn"])
    put_one_of_each(lakehouse)
    lakehouse.zone.store.put_json("control/nothing.json", {})
    assert run_batch(lakehouse)["status"] == "succeeded"


def test_a_run_that_failed_is_told_with_its_reason(lakehouse: Lakehouse, instance: dg.DagsterInstance, heard: Callable[[], list[tuple[str, str]]]) -> None:
    put_one_of_each(lakehouse)
    run_batch(lakehouse)
    heard()
    append_behind_its_back(lakehouse, "products", product_id=1)
    put(lakehouse, "raw/order_items/more.csv", items_csv())
    put_one_of_each(lakehouse)
    job = defs.resolve_job_def(LOAD_BATCH)
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    event = result.filter_events(lambda event: event.is_run_failure)[0]
    context = dg.build_run_status_sensor_context("failure_alerts", event, instance, result.dagster_run).for_run_failure()
    failure_alerts(context)
    [(subject, message)] = heard()
    assert subject == "A batch failed"
    assert "products: rows are unaccounted for" in message
    assert result.run_id in message
