"""Events in, tables out: a Dagster instance and the embedded AWS, whose S3 sends the events. A tick is the sensor's
function, as the daemon has it.
"""

from __future__ import annotations

import json
import time
from typing import Any

import dagster as dg
import pytest

from lakehouse_assets.assets.landing import RUNS_OF_A_BATCH
from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.batches.lease import Lease
from lakehouse_assets.definitions import defs
from lakehouse_assets.jobs import LOAD_BATCH
from lakehouse_assets.parallel import in_parallel
from lakehouse_assets.sensors.landing import Cursor
from lakehouse_assets_tests.sensors.support import Daemon, comes_again_after_a_second, messages
from lakehouse_assets_tests.support import (
    append_behind_its_back,
    archived,
    keys,
    next_second,
    order,
    orders_csv,
    product,
    products_csv,
    put,
    put_one_of_each,
    table_rows,
)

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")


def event_of(lakehouse: Lakehouse, key: str) -> dict[str, Any]:
    """What S3 says of an object, shortened to what is read of it."""
    return {"Records": [{"s3": {"bucket": {"name": lakehouse.settings.bucket}, "object": {"key": key}}}]}


def send(lakehouse: Lakehouse, body: Any) -> None:
    lakehouse.aws.client("sqs").send_message(
        QueueUrl=lakehouse.queue.url, MessageBody=body if isinstance(body, str) else json.dumps(body)
    )


def test_files_that_land_become_tables_by_one_run(lakehouse: Lakehouse, daemon: Daemon) -> None:
    assert daemon.tick() == 0
    put_one_of_each(lakehouse)
    assert daemon.tick() == 1
    assert [len(table_rows(lakehouse, dataset)) for dataset in lakehouse.contracts] == [1, 1, 1]
    assert messages(lakehouse) == 3, "they are there until the next tick has seen the run"
    assert (daemon.tick(), daemon.tick()) == (0, 0)
    assert messages(lakehouse) == 0


def test_a_text_that_is_no_cursor_begins_anew_and_loses_nothing() -> None:
    assert [Cursor.read(text) for text in ("abc", "[]", '{"of_another": 1}', None)] == [Cursor()] * 4
    cursor = Cursor("key", ("handle",), False, 1.0, 2.0, "why")
    assert Cursor.read(cursor.written()) == cursor


def test_a_tick_that_the_gate_holds_back_says_what_waits_and_what_is_missing(
    lakehouse: Lakehouse, daemon: Daemon
) -> None:
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1)))
    said = daemon.says()
    assert said.startswith("1 file (orders) is waiting for the gate, the oldest since 20")
    assert "LAKEHOUSE_GATE=all also asks for a file of: products, order_items." in said
    assert daemon.says() == said


def test_a_thousand_events_make_one_batch(lakehouse: Lakehouse, daemon: Daemon) -> None:
    put_one_of_each(lakehouse)
    for number in range(20):
        put(lakehouse, f"raw/products/{number}.csv", products_csv(product(number)))
    in_parallel(lambda number: send(lakehouse, event_of(lakehouse, f"raw/products/{number % 20}.csv")), range(980))
    assert messages(lakehouse) >= 1000
    assert daemon.tick() == 1
    ticks = 0
    while messages(lakehouse):
        assert daemon.tick() == 0
        ticks += 1
    assert ticks <= 11, "a hundred messages each"
    assert (daemon.runs, len(lakehouse.reports.all())) == (1, 1)
    assert len(table_rows(lakehouse, "products")) == 20


@pytest.mark.parametrize("key", ["raw/products/p.csv", "raw/products/never+was%20there.csv"])
def test_an_event_that_comes_again_or_late_changes_nothing(lakehouse: Lakehouse, daemon: Daemon, key: str) -> None:
    put_one_of_each(lakehouse)
    daemon.tick()
    daemon.tick()
    for _ in range(2):
        send(lakehouse, event_of(lakehouse, key))
    assert daemon.tick() == 0
    assert (messages(lakehouse), daemon.runs) == (0, 1)


def test_events_out_of_order_end_as_the_files_say(lakehouse: Lakehouse, daemon: Daemon) -> None:
    """The correction's event is there, that of the file before it comes when both were loaded: the bucket tells which
    is the later one.
    """
    put_one_of_each(lakehouse)
    next_second()
    put(lakehouse, "raw/products/b.csv", products_csv(product(1, "Globe")))
    lakehouse.aws.client("sqs").purge_queue(QueueUrl=lakehouse.queue.url)
    send(lakehouse, event_of(lakehouse, "raw/products/b.csv"))
    assert daemon.tick() == 1
    send(lakehouse, event_of(lakehouse, "raw/products/p.csv"))
    assert [daemon.tick() for _ in range(3)] == [0, 0, 0]
    assert table_rows(lakehouse, "products", "product_name") == [("Globe",)]
    assert messages(lakehouse) == 0


def test_odd_names_which_events_have_url_encoded_are_loaded_and_archived(lakehouse: Lakehouse, daemon: Daemon) -> None:
    put_one_of_each(lakehouse)
    odd = ["raw/products/März 5 +1% (a&b).csv", "raw/products/a=b/ü+c.csv"]
    for number, key in enumerate(odd, start=2):
        put(lakehouse, key, products_csv(product(number)))
    assert daemon.tick() == 1
    assert (daemon.tick(), messages(lakehouse)) == (0, 0)
    assert table_rows(lakehouse, "products", "product_id") == [(1,), (2,), (3,)]
    assert set(odd) <= set(archived(lakehouse))


def test_an_object_overwritten_between_its_event_and_the_read_is_read_in_both_versions_by_one_run(
    lakehouse: Lakehouse, daemon: Daemon
) -> None:
    put_one_of_each(lakehouse)
    put(lakehouse, "raw/products/p.csv", products_csv(product(1, "Globe"), product(2)))
    assert daemon.tick() == 1
    assert (daemon.tick(), messages(lakehouse), daemon.runs) == (0, 0, 1)
    assert table_rows(lakehouse, "products", "product_id", "product_name") == [(1, "Globe"), (2, "Atlas")]
    [report] = lakehouse.reports.all()
    assert [file["read"] for file in report["files"] if file["dataset"] == "products"] == [1, 2]


def test_an_object_overwritten_after_the_run_was_asked_for_needs_no_second_run(
    lakehouse: Lakehouse, daemon: Daemon
) -> None:
    put_one_of_each(lakehouse)
    result = daemon.evaluate()
    daemon.cursor = str(result.cursor)
    put(lakehouse, "raw/products/p.csv", products_csv(product(1, "Globe")))
    [request] = result.run_requests or []
    daemon.run(request)
    assert [daemon.tick() for _ in range(2)] == [0, 0]
    assert (daemon.runs, messages(lakehouse)) == (1, 0)
    assert table_rows(lakehouse, "products", "product_name") == [("Globe",)]


def test_an_event_of_eventbridge_wakes_too(lakehouse: Lakehouse, daemon: Daemon) -> None:
    put_one_of_each(lakehouse)
    lakehouse.aws.client("sqs").purge_queue(QueueUrl=lakehouse.queue.url)
    send(lakehouse, {"detail-type": "Object Created", "detail": {"object": {"key": "raw/products/p.csv"}}})
    assert daemon.tick() == 1


def test_an_event_for_a_deleted_object_is_done_with(lakehouse: Lakehouse, daemon: Daemon) -> None:
    put(lakehouse, "uploads/gone.csv", "x")
    lakehouse.aws.client("s3").delete_object(Bucket=lakehouse.settings.bucket, Key="uploads/gone.csv")
    assert daemon.tick() == 0
    assert messages(lakehouse) == 0


def test_of_files_that_were_deleted_before_the_read_the_others_are_loaded(lakehouse: Lakehouse, daemon: Daemon) -> None:
    put_one_of_each(lakehouse)
    put(lakehouse, "raw/products/gone.csv", products_csv(product(9)))
    lakehouse.aws.client("s3").delete_object(Bucket=lakehouse.settings.bucket, Key="raw/products/gone.csv")
    assert daemon.tick() == 1
    assert (daemon.tick(), messages(lakehouse)) == (0, 0)
    assert table_rows(lakehouse, "products", "product_id") == [(1,)]


def test_a_lost_event_is_made_up_for_by_looking(lakehouse: Lakehouse, daemon: Daemon) -> None:
    put_one_of_each(lakehouse)
    lakehouse.aws.client("sqs").purge_queue(QueueUrl=lakehouse.queue.url)
    assert daemon.tick() == 0
    daemon.cursor = Cursor(look_again=False, looked_at=0).written()
    assert daemon.tick() == 1
    assert len(table_rows(lakehouse, "orders")) == 1


def test_s3s_test_event_is_deleted_and_wakes_nobody(lakehouse: Lakehouse, daemon: Daemon) -> None:
    send(lakehouse, {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": lakehouse.settings.bucket})
    assert daemon.tick() == 0
    assert messages(lakehouse) == 0


def test_what_is_no_event_goes_to_the_dead_letter_queue(lakehouse: Lakehouse, daemon: Daemon) -> None:
    bodies = [" ", "no json", "[]", "{}", '{"Records": [{}]}', '"text"', '{"Records": 1}', '{"detail-type": "x"}']
    daemon.tick()
    comes_again_after_a_second(lakehouse)
    for body in bodies:
        send(lakehouse, body)
    for _ in range(6):
        assert daemon.tick() == 0
        time.sleep(1.1)
    assert messages(lakehouse) == 0
    assert messages(lakehouse, f"{lakehouse.settings.queue}-dead-letters") == len(bodies)


def test_what_the_gate_holds_back_needs_no_message_kept_alive(lakehouse: Lakehouse, daemon: Daemon) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    assert daemon.tick() == 0
    assert messages(lakehouse) == 0
    put_one_of_each(lakehouse)
    assert daemon.tick() == 1
    assert keys(lakehouse, "raw/") == []


def test_while_someone_works_the_queue_keeps_the_calls(lakehouse: Lakehouse, daemon: Daemon) -> None:
    someone = Lease(lakehouse.zone.store, lakehouse.zone.lease_key, "someone")
    someone.take(0, print)
    put_one_of_each(lakehouse)
    result = daemon.evaluate()
    assert not result.run_requests
    assert "someone has been using this lakehouse" in str(
        getattr(result.skip_reason, "skip_message", result.skip_reason)
    )
    someone.release()
    assert daemon.tick() == 1


def test_files_that_land_while_a_batch_runs_make_the_next_batch(lakehouse: Lakehouse, daemon: Daemon) -> None:
    put_one_of_each(lakehouse)
    lakehouse.freeze("all")  # as far as the run came when the files below landed
    put(lakehouse, "raw/products/later.csv", products_csv(product(2)))
    put(lakehouse, "raw/orders/later.csv", orders_csv(order(2)))
    put(
        lakehouse,
        "raw/order_items/later.csv",
        "id,order_id,user_id,days_since_prior_order,product_id,add_to_cart_order,reordered,order_timestamp,date\n",
    )
    for _ in range(4):
        daemon.tick()
    assert [report["status"] for report in lakehouse.reports.all()] == ["succeeded", "succeeded"]
    assert len(table_rows(lakehouse, "products")) == 2
    assert (messages(lakehouse), daemon.runs) == (0, 2)


def test_a_daemon_that_dies_before_it_saves_asks_again_for_the_same_run(lakehouse: Lakehouse, daemon: Daemon) -> None:
    """Neither cursor nor run is there: the messages become visible again."""
    comes_again_after_a_second(lakehouse)
    put_one_of_each(lakehouse)
    [lost] = daemon.evaluate().run_requests or []
    time.sleep(1.1)
    [again] = daemon.evaluate().run_requests or []
    assert lost.run_key == again.run_key


def test_a_daemon_that_dies_before_it_launches_asks_again_for_the_same_run(
    lakehouse: Lakehouse, daemon: Daemon
) -> None:
    """The cursor is saved, the run is not there, and the messages are still invisible."""
    put_one_of_each(lakehouse)
    result = daemon.evaluate()
    daemon.cursor = str(result.cursor)
    assert daemon.tick() == 1
    daemon.tick()
    assert (messages(lakehouse), daemon.runs) == (0, 1)


def test_a_daemon_that_dies_after_it_launched_launches_no_second_run(lakehouse: Lakehouse, daemon: Daemon) -> None:
    """The run is there, the cursor is the old one: the key says that this work was asked for."""
    comes_again_after_a_second(lakehouse)
    put_one_of_each(lakehouse)
    [request] = daemon.evaluate().run_requests or []
    daemon.run(request)
    time.sleep(1.1)
    assert daemon.tick() == 0
    assert (messages(lakehouse), daemon.runs) == (0, 1)


def test_a_batch_that_failed_is_not_tried_for_ever(lakehouse: Lakehouse, daemon: Daemon) -> None:
    put_one_of_each(lakehouse)
    daemon.tick()
    append_behind_its_back(lakehouse, "products", product_id=1)
    put_one_of_each(lakehouse)
    for _ in range(4):
        daemon.tick()
    assert [report["status"] for report in lakehouse.reports.all()] == ["succeeded", "failed"]
    assert daemon.runs == 2


def test_a_batch_that_was_interrupted_is_gone_on_with(lakehouse: Lakehouse, daemon: Daemon) -> None:
    put_one_of_each(lakehouse)
    batch = lakehouse.freeze("all")
    assert batch is not None
    daemon.cursor = Cursor().written()
    assert daemon.tick() == 1
    assert [report["batch_id"] for report in lakehouse.reports.all()] == [batch.id]


def test_a_batch_that_kills_each_run_is_not_tried_for_ever(
    lakehouse: Lakehouse, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends in the middle of a load as if stopped from outside stands in for a killed one: it, too, leaves no
    report.
    """

    def killed(*_: Any) -> None:
        raise dg.DagsterExecutionInterruptedError

    put_one_of_each(lakehouse)
    load = Batch.load
    monkeypatch.setattr(Batch, "load", killed)
    begun = [daemon.tick() for _ in range(RUNS_OF_A_BATCH + 4)]
    assert begun == [1] * (RUNS_OF_A_BATCH + 1) + [0, 0, 0]
    [report] = lakehouse.reports.all()
    assert report["status"] == "failed"
    assert f"{RUNS_OF_A_BATCH} runs of batch {report['batch_id']} ended without a report" in str(report["error"])
    monkeypatch.setattr(Batch, "load", load)
    assert defs.resolve_job_def(LOAD_BATCH).execute_in_process(instance=daemon.instance).success, (
        "a person may try it again"
    )
    assert [len(table_rows(lakehouse, dataset)) for dataset in lakehouse.contracts] == [1, 1, 1]
    assert [report["status"] for report in lakehouse.reports.all()] == ["succeeded"]


def test_a_run_that_was_paused_and_taken_over_from_does_no_harm_when_it_wakes_up(
    lakehouse: Lakehouse, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another takes the lease while the run sleeps before its first load. The batch is the other's: the run stops, and
    does not call it failed.
    """
    load = Batch.load

    def taken_over_meanwhile(batch: Batch, *given: Any) -> Any:
        monkeypatch.setattr(Batch, "load", load)
        other = Lease(lakehouse.zone.store, lakehouse.zone.lease_key, "another", seconds_to_live=-1)
        other.take(0, print)
        other.release()
        return load(batch, *given)

    put_one_of_each(lakehouse)
    monkeypatch.setattr(Batch, "load", taken_over_meanwhile)
    assert daemon.tick() == 1
    under_way = lakehouse.open_batch()
    assert under_way is not None
    assert (under_way.report(), keys(lakehouse, "archived/")) == (None, [])
    assert lakehouse.rows_in(lakehouse.tables.table("products")) is None
    assert daemon.tick() == 1, "what it left is gone on with"
    assert [report["status"] for report in lakehouse.reports.all()] == ["succeeded"]
    assert [len(table_rows(lakehouse, dataset)) for dataset in lakehouse.contracts] == [1, 1, 1]
