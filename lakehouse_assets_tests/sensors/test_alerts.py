"""Who subscribes to the topic hears how batches went and what needs a look, once; where nobody can be told, nothing
fails and nothing is forgotten.
"""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from lakehouse_assets.assets.keys import BATCH, rejected_key, table_key
from lakehouse_assets.aws.topic import MOST_BYTES
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.batches.lease import Lease
from lakehouse_assets.batches.notices import Notices
from lakehouse_assets.cli.runs import run_batch
from lakehouse_assets.definitions import defs
from lakehouse_assets.errors import BadConfiguration, TemporaryOutage
from lakehouse_assets.jobs import LOAD_BATCH, STARTED_BY_TAG
from lakehouse_assets.schedules import MAINTAIN_TABLES
from lakehouse_assets.sensors.alerts import evaluate
from lakehouse_assets.sensors.retries import TRIES
from lakehouse_assets_tests.sensors.support import Heard
from lakehouse_assets_tests.support import (
    append_behind_its_back,
    item,
    items_csv,
    order,
    orders_csv,
    product,
    products_csv,
    put,
    put_one_of_each,
)

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")
ANY = {"ops": {"landing__batch": {"config": {"gate": "any"}}}}


class Teller:
    """The alerts as the daemon asks for them: the cursor is saved after each tick that did not fail. Its first tick is
    over.
    """

    def __init__(self, instance: dg.DagsterInstance, lakehouse: Lakehouse) -> None:
        self.instance, self.lakehouse = instance, lakehouse
        self.cursor: str | None = None
        self.tick()

    def tick(self) -> str:
        result = evaluate(dg.build_sensor_context(self.instance, cursor=self.cursor), self.lakehouse)
        assert not result.run_requests
        self.cursor = result.cursor
        return str(getattr(result.skip_reason, "skip_message", result.skip_reason))

    def run(self, job: str = LOAD_BATCH, **run_config: Any) -> dg.ExecuteInProcessResult:
        """As the command line does: from no code location."""
        tags = {STARTED_BY_TAG: "a test"} | run_config.pop("tags", {})
        return defs.resolve_job_def(job).execute_in_process(
            instance=self.instance, raise_on_error=False, tags=tags, **run_config
        )


@pytest.fixture
def teller(instance: dg.DagsterInstance, lakehouse: Lakehouse) -> Teller:
    return Teller(instance, lakehouse)


def with_settings(lakehouse: Lakehouse, **changed: object) -> Lakehouse:
    return Lakehouse(lakehouse.settings.model_copy(update=changed), lakehouse.aws)


def delete_topic(lakehouse: Lakehouse) -> str:
    sns = lakehouse.aws.client("sns")
    arn = str(sns.create_topic(Name=lakehouse.settings.topic)["TopicArn"])
    sns.delete_topic(TopicArn=arn)
    return arn


def test_a_batch_that_succeeded_is_told_with_its_counts_and_no_values(
    lakehouse: Lakehouse, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_UI_URL", "https://dagster.example.com/")
    put_one_of_each(lakehouse)
    put(lakehouse, "raw/products/dirty.csv", products_csv(product("secret-value"), product(7)))
    put(lakehouse, "raw/products/broken.csv", b"\xff\xfe\x00")
    batch_id = run_batch(lakehouse)["batch_id"]
    [(subject, message)] = heard()
    assert subject == "A batch succeeded with rejects"
    assert f"Batch {batch_id}: succeeded with rejects; 1 file was not taken." in message
    assert "products: 3 read, 2 inserted, 1 rejected" in message
    assert "not taken: broken.csv: " in message
    assert "Run: https://dagster.example.com/runs/" in message
    assert "secret-value" not in message


def test_a_dead_topic_makes_no_finished_batch_a_failed_one(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    delete_topic(lakehouse)
    with pytest.raises(BadConfiguration, match="Publishing to the topic"):
        lakehouse.notices.publish("Is anybody there?", "")
    assert run_batch(lakehouse)["status"] == "succeeded"


def test_a_run_that_failed_is_told_once_with_its_reason(lakehouse: Lakehouse, teller: Teller, heard: Heard) -> None:
    put_one_of_each(lakehouse)
    run_batch(lakehouse)
    heard()
    append_behind_its_back(lakehouse, "products", product_id=1)
    put_one_of_each(lakehouse)
    result = teller.run()
    assert not result.success
    assert teller.tick() == "Published: A batch failed."
    [(subject, message)] = heard()
    assert subject == "A batch failed"
    assert "products: rows are unaccounted for" in message
    assert "What to do: Nothing is lost" in message
    assert result.run_id in message
    assert teller.tick() == "No new alerts."
    assert heard() == []


def test_the_upkeep_that_failed_is_told_too(
    lakehouse: Lakehouse, teller: Teller, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_LEASE_WAIT_SECONDS", "0")
    batch = Lease(lakehouse.zone.store, lakehouse.zone.lease_key, "a batch")
    batch.take(0, print)
    teller.run(MAINTAIN_TABLES)
    batch.release()
    teller.tick()
    [(subject, message)] = heard()
    assert subject == "The maintenance of the tables failed"
    assert "a batch is still using this lakehouse" in message
    assert "`lakehouse maintain` runs it again" in message


def test_a_run_that_failed_outside_its_steps_is_told_with_our_reason(
    teller: Teller, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could not even begin: its settings are wrong."""
    monkeypatch.setenv("LAKEHOUSE_REJECT_LIMIT", "7")
    assert not teller.run().success
    monkeypatch.delenv("LAKEHOUSE_REJECT_LIMIT")
    teller.tick()
    [(subject, message)] = heard()
    assert subject == "A batch failed"
    assert "LAKEHOUSE_REJECT_LIMIT" in message


def test_a_run_whose_process_died_is_told(teller: Teller, instance: dg.DagsterInstance, heard: Heard) -> None:
    """As Dagster's run monitoring reports it: there is no step that failed."""
    run = instance.create_run_for_job(
        defs.resolve_job_def(LOAD_BATCH), status=dg.DagsterRunStatus.STARTED, tags={STARTED_BY_TAG: "a test"}
    )
    instance.report_run_failed(run, "Run process 4711 unexpectedly exited")
    teller.tick()
    [(subject, message)] = heard()
    assert subject == "A batch failed"
    assert "Run process 4711 unexpectedly exited" in message


def test_of_a_run_that_had_no_batch_it_is_told_that_the_files_wait_and_whether_the_sensor_tries_again(
    lakehouse: Lakehouse, teller: Teller, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outage(_: Lakehouse) -> None:
        raise TemporaryOutage("AWS answered SlowDown")

    monkeypatch.setattr(Lakehouse, "convert", outage)
    put_one_of_each(lakehouse)
    teller.run()
    teller.tick()
    [(_, by_a_person)] = heard()
    assert "AWS answered SlowDown" in by_a_person
    assert "the run ended before a batch started, and the files are still waiting. Fix the cause" in by_a_person
    assert "the batch stays open" not in by_a_person
    for number in range(1, TRIES + 1):
        teller.run(
            tags={
                "dagster/sensor_name": "files_landed",
                "dagster/run_key": "work" if number == 1 else f"work-try-{number}",
            }
        )
        teller.tick()
    told = [message for _, message in heard()]
    assert [
        f"The sensor files_landed retries by itself, up to {TRIES} runs in all." in message for message in told
    ] == [True] * (TRIES - 1) + [False]
    assert f"After {TRIES} runs the sensor files_landed stops retrying." in told[-1]


def test_what_others_do_on_a_shared_instance_is_told_nobody_and_stops_nothing(
    lakehouse: Lakehouse, teller: Teller, heard: Heard
) -> None:
    """Another project's command line runs its jobs from no code location, as ours does."""

    @dg.op
    def fails() -> None:
        raise ValueError("theirs")

    @dg.job
    def of_another_team() -> None:
        fails()

    assert not of_another_team.execute_in_process(instance=teller.instance, raise_on_error=False).success
    assert (teller.tick(), heard()) == ("No new alerts.", [])


def test_a_check_that_we_did_not_write_is_told_and_stops_nothing(
    lakehouse: Lakehouse, teller: Teller, heard: Heard
) -> None:
    @dg.asset
    def products() -> None: ...

    @dg.asset_check(asset=products)
    def somebodys_check() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description="too few")

    theirs = dg.Definitions(assets=[products], asset_checks=[somebodys_check]).resolve_implicit_global_asset_job_def()
    theirs.execute_in_process(instance=teller.instance, tags={STARTED_BY_TAG: "a test"})
    lakehouse.aws.client("sqs").send_message(QueueUrl=lakehouse.queue.dead_letters_url, MessageBody="no event")
    assert teller.tick() == "Published: A check warns; Messages in the dead-letter queue."
    [(_, message), _] = heard()
    assert "products: somebodys_check: too few\n  What to do: See the check in Dagster's UI." in message


def test_what_an_engine_says_of_a_value_is_told_nobody(
    lakehouse: Lakehouse, teller: Teller, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(*_: Any, **__: Any) -> None:
        raise ValueError("cannot cast 'Ms Secret, 12 Hidden Road'")

    monkeypatch.setattr("lakehouse_assets.etl.engines.embedded.delta.append", stumbles)
    put_one_of_each(lakehouse)
    assert not teller.run().success
    teller.tick()
    [(_, message)] = heard()
    assert "Unexpected error: ValueError" in message
    assert "Secret" not in message


def test_a_check_that_warns_is_told_once_though_the_batch_succeeds(
    lakehouse: Lakehouse, teller: Teller, heard: Heard
) -> None:
    put_one_of_each(lakehouse)
    put(lakehouse, "raw/products/dirty.csv", products_csv(product("secret-value")))
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(5, 77, 77)))
    put(lakehouse, "raw/orders/o.csv", orders_csv())
    assert teller.run().success
    heard()
    assert teller.tick() == "Published: A check warns."
    [(subject, message)] = heard()
    assert subject == "A check warns"
    assert "products: reject_rate: 1 of 2 rows rejected (50.0%; warning above 10%)" in message
    assert "`lakehouse rejects --dataset products`" in message
    assert "secret-value" not in message
    assert teller.tick() == "No new alerts."


def test_a_failed_check_is_told_with_its_numbers(lakehouse: Lakehouse, teller: Teller, heard: Heard) -> None:
    put_one_of_each(lakehouse)
    assert teller.run().success
    append_behind_its_back(lakehouse, "products", batch_id="'someone'")
    put(lakehouse, "raw/products/more.csv", products_csv(product(5)))
    assert not teller.run(run_config=ANY).success
    heard()
    assert teller.tick() == "Published: A batch failed."
    [(_, message)] = heard()
    assert message.startswith("A check failed: products: key_unique: 3 rows, 2 distinct values of product_id")
    assert "Find the program that also writes to it" in message
    assert "Unexpected error" not in message


def test_an_empty_table_is_told(lakehouse: Lakehouse, teller: Teller, heard: Heard) -> None:
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1)))
    assert teller.run(run_config=ANY).success
    heard()
    teller.tick()
    [(_, message)] = heard()
    assert "order_items: not_empty: 0 rows" in message
    assert "Rows that wait for their parents are loaded once these arrive" in message


def test_files_that_wait_too_long_for_the_gate_are_told_once_for_each_that_waits(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, heard: Heard
) -> None:
    impatient = Teller(instance, with_settings(lakehouse, gate_wait_hours=1e-9, listing_seconds=0))
    patient = Teller(instance, with_settings(lakehouse, listing_seconds=0))
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    assert patient.tick() == "No new alerts."
    assert impatient.tick() == "Published: Files wait for others."
    [(subject, message)] = heard()
    assert subject == "Files wait for others"
    assert "raw/products/p.csv" in message
    assert (
        f"Missing: s3://{lakehouse.settings.bucket}/raw/orders/, s3://{lakehouse.settings.bucket}/raw/order_items/"
        in message
    )
    assert "gate: any" in message
    put(lakehouse, "raw/products/q.csv", products_csv(product(2)))
    assert impatient.tick() == "No new alerts.", "it is the same wait"
    put_one_of_each(lakehouse)
    run_batch(lakehouse)
    heard()
    assert impatient.tick() == "No new alerts."
    put(lakehouse, "raw/orders/later.csv", orders_csv(order(2)))
    assert impatient.tick() == "Published: Files wait for others."


def test_what_a_batch_under_way_will_take_is_not_called_waiting(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    impatient = Teller(instance, with_settings(lakehouse, gate_wait_hours=1e-9, listing_seconds=0))
    put_one_of_each(lakehouse)
    lakehouse.freeze("all")
    assert impatient.tick() == "No new alerts."


def test_a_gate_that_lets_all_through_holds_nothing_back(lakehouse: Lakehouse, instance: dg.DagsterInstance) -> None:
    teller = Teller(instance, with_settings(lakehouse, gate_wait_hours=1e-9, listing_seconds=0, gate="any"))
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    assert teller.tick() == "No new alerts."


def test_dead_letters_are_told_when_there_are_more_and_not_at_each_tick(
    lakehouse: Lakehouse, teller: Teller, heard: Heard
) -> None:
    sqs, url = lakehouse.aws.client("sqs"), lakehouse.queue.dead_letters_url
    sqs.send_message(QueueUrl=url, MessageBody="no event")
    assert teller.tick() == "Published: Messages in the dead-letter queue."
    [(_, message)] = heard()
    assert f"1 message is in the dead-letter queue of {lakehouse.settings.queue}" in message
    assert f"aws sqs receive-message --queue-url {url}" in message
    assert "either it is not an S3 event, or the sensor failed each time" in message
    assert teller.tick() == "No new alerts."
    sqs.send_message(QueueUrl=url, MessageBody="no event either")
    assert teller.tick() == "Published: Messages in the dead-letter queue."
    sqs.purge_queue(QueueUrl=url)
    heard()
    assert (teller.tick(), heard()) == ("No new alerts.", [])
    sqs.send_message(QueueUrl=url, MessageBody="again")
    assert teller.tick() == "Published: Messages in the dead-letter queue."


def test_what_could_not_be_told_while_the_topic_was_gone_is_told_afterwards(
    lakehouse: Lakehouse, teller: Teller, heard: Heard
) -> None:
    """The failure that a run_failure_sensor of Dagster's own would have forgotten."""
    lakehouse.aws.client("sqs").send_message(QueueUrl=lakehouse.queue.dead_letters_url, MessageBody="no event")
    arn = delete_topic(lakehouse)
    for _ in range(2):
        with pytest.raises(BadConfiguration, match="Publishing to the topic"):
            teller.tick()
    sns, sqs = lakehouse.aws.client("sns"), lakehouse.aws.client("sqs")
    sns.create_topic(Name=lakehouse.settings.topic)
    url = sqs.get_queue_url(QueueName=f"{lakehouse.settings.topic}-subscriber")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)
    assert teller.tick() == "Published: Messages in the dead-letter queue."
    assert len(heard()) == 1


def test_an_outage_in_the_middle_of_a_tick_repeats_and_forgets_nothing(
    lakehouse: Lakehouse, teller: Teller, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        monkeypatch.setenv("LAKEHOUSE_REJECT_LIMIT", "7")
        teller.run()
        monkeypatch.delenv("LAKEHOUSE_REJECT_LIMIT")
    publish, calls = Notices.publish, iter([True, False])

    def publish_once(notices: Notices, subject: str, message: str) -> None:
        if not next(calls, True):
            raise BadConfiguration("the topic is gone")
        publish(notices, subject, message)

    monkeypatch.setattr(Notices, "publish", publish_once)
    assert teller.tick() == "Published: A batch failed."
    assert teller.tick() == "Published: A batch failed."
    assert teller.tick() == "No new alerts."
    assert len({message for _, message in heard()}) == 2


def test_a_single_asset_that_fails_without_a_batch_is_no_alert(
    lakehouse: Lakehouse, teller: Teller, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_one_of_each(lakehouse)
    teller.run()
    teller.tick()
    heard()
    monkeypatch.setenv("LAKEHOUSE_REJECT_LIMIT", "7")
    for selected in ([table_key("orders"), rejected_key("orders")], [BATCH]):
        ended = defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=teller.instance, raise_on_error=False, asset_selection=selected, tags={STARTED_BY_TAG: "a test"}
        )
        assert not ended.success
    assert teller.tick() == "Published: A run failed."
    [(_, message)] = heard()
    assert "Nothing is lost: the run ended before a batch started" in message


def test_a_run_with_nothing_to_do_does_not_repeat_the_warnings_of_the_last_batch(
    lakehouse: Lakehouse, teller: Teller, heard: Heard
) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1), product("x")))
    teller.run(run_config=ANY)
    assert teller.tick() == "Published: A check warns."
    ended = teller.run(run_config=ANY)
    assert {it.check_name for it in ended.get_asset_check_evaluations() if not it.passed} >= {"reject_rate"}
    assert teller.tick() == "No new alerts."


def test_runs_of_before_the_first_tick_are_history(
    lakehouse: Lakehouse, instance: dg.DagsterInstance, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_REJECT_LIMIT", "7")
    defs.resolve_job_def(LOAD_BATCH).execute_in_process(instance=instance, raise_on_error=False)
    monkeypatch.delenv("LAKEHOUSE_REJECT_LIMIT")
    assert Teller(instance, lakehouse).tick() == "No new alerts."
    assert heard() == []


def test_a_message_that_is_too_long_for_the_topic_is_cut_and_told(lakehouse: Lakehouse, heard: Heard) -> None:
    lakehouse.notices.publish("Much", "ü" * MOST_BYTES)
    [(_, message)] = heard()
    assert message.endswith("ü\n... and more.")
    assert len(message.encode()) < 262_144
