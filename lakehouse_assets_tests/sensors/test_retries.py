"""What the sensor does where its runs come to nothing: it tries again, ever more slowly, says so, and neither forgets
files nor begins runs without end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest

from lakehouse_assets.assets.idle import NO_FILES
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.batches.lease import Lease
from lakehouse_assets.batches.pending import Pending
from lakehouse_assets.definitions import defs
from lakehouse_assets.errors import BadConfiguration, TemporaryOutage
from lakehouse_assets.jobs import BATCH_TAG, LOAD_BATCH
from lakehouse_assets.sensors.landing import Cursor
from lakehouse_assets.sensors.retries import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, TRIES
from lakehouse_assets_tests.sensors.support import Daemon, messages
from lakehouse_assets_tests.support import (
    keys,
    order,
    orders_csv,
    product,
    products_csv,
    put,
    put_one_of_each,
    table_rows,
)

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")


def raises(error: BaseException | type[BaseException]) -> Callable[..., Any]:
    def fails(*_: Any, **__: Any) -> Any:
        raise error

    return fails


def tick_much_later(daemon: Daemon) -> int:
    """When no wait is left."""
    daemon.ahead += LONGEST_WAIT_SECONDS + 60
    return daemon.tick()


def a_batch_that_failed(lakehouse: Lakehouse, daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    put_one_of_each(lakehouse)
    put(lakehouse, "raw/products/bad.csv", products_csv(product("x")))
    monkeypatch.setenv("LAKEHOUSE_REJECT_LIMIT", "0.1")
    assert daemon.tick() == 1
    assert [report["status"] for report in lakehouse.reports.all()] == ["failed"]
    monkeypatch.setenv("LAKEHOUSE_REJECT_LIMIT", "1")


@pytest.mark.parametrize(
    "ended",
    [TemporaryOutage("AWS answered SlowDown"), dg.DagsterExecutionInterruptedError()],
    ids=["failed", "stopped"],
)
def test_files_whose_run_ended_before_it_had_a_batch_are_tried_again_after_a_while(
    lakehouse: Lakehouse, daemon: Daemon, monkeypatch: pytest.MonkeyPatch, ended: BaseException
) -> None:
    put_one_of_each(lakehouse)
    with monkeypatch.context() as outage:
        outage.setattr(Lakehouse, "convert", raises(ended))
        assert daemon.tick() == 1
    assert "ended without a batch. Another starts in" in daemon.says()
    assert (messages(lakehouse), lakehouse.reports.all()) == (0, [])
    daemon.ahead = FIRST_WAIT_SECONDS + 5
    assert daemon.tick() == 1
    assert [len(table_rows(lakehouse, dataset)) for dataset in lakehouse.contracts] == [1, 1, 1]
    assert [daemon.tick() for _ in range(3)] == [0, 0, 0]


def test_what_fails_each_time_is_tried_ever_more_slowly_and_not_for_ever(
    lakehouse: Lakehouse, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_one_of_each(lakehouse)
    monkeypatch.setattr(Lakehouse, "convert", raises(BadConfiguration("AWS refused it with AccessDenied")))
    begun = []
    for minute in range(60):
        daemon.ahead = 61 * minute
        begun += [minute] * daemon.tick()
    assert begun == [0, 1, 2, 4, 8, 16, 32], "only the daemon's clock is ahead, so each run has ended in minute 0"
    assert [tick_much_later(daemon) for _ in range(4)] == [1, 0, 0, 0]
    assert daemon.runs == TRIES
    for _ in range(2):
        assert f"{TRIES} runs for the waiting files failed before a batch started" in daemon.says(), (
            "it is said at each tick"
        )
    put(lakehouse, "raw/products/more.csv", products_csv(product(2)))
    assert daemon.tick() == 1, "other files are other work"
    put(lakehouse, "raw/products/even_more.csv", products_csv(product(3)))
    daemon.ahead = 0
    assert "Another starts in" in daemon.says(), (
        "but where each run fails, files that land all the time do not start one each"
    )


def test_a_person_who_loads_what_the_sensor_gave_up_ends_its_complaint(
    lakehouse: Lakehouse, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_one_of_each(lakehouse)
    with monkeypatch.context() as outage:
        outage.setattr(Lakehouse, "convert", raises(TemporaryOutage("AWS answered SlowDown")))
        assert [tick_much_later(daemon) for _ in range(TRIES)] == [1] * TRIES
    assert "stops retrying" in daemon.says()
    assert defs.resolve_job_def(LOAD_BATCH).execute_in_process(instance=daemon.instance).success
    daemon.ahead += lakehouse.settings.listing_seconds + 60
    assert daemon.says() == NO_FILES
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(2)))
    put_one_of_each(lakehouse)
    assert daemon.tick() == 1, "the next files need not wait for what those before them met with"


def test_an_open_batch_is_gone_on_with_though_nothing_can_be_converted(
    lakehouse: Lakehouse, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_one_of_each(lakehouse)
    batch = lakehouse.freeze("all")
    assert batch is not None
    put(lakehouse, "uploads/later.csv", orders_csv(order(2)))
    monkeypatch.setattr(
        "lakehouse_assets.landing.convert._record", raises(BadConfiguration("AWS refused it with AccessDenied"))
    )
    daemon.cursor = Cursor().written()
    assert daemon.tick() == 1
    assert [(report["batch_id"], report["status"]) for report in lakehouse.reports.all()] == [(batch.id, "succeeded")]
    assert [daemon.tick() for _ in range(10)].count(1) == 1, "the upload's own run fails, and is not begun at each tick"


def test_runs_of_an_open_batch_that_do_not_come_as_far_as_it_are_no_storm(
    lakehouse: Lakehouse, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_one_of_each(lakehouse)
    lakehouse.freeze("all")
    with monkeypatch.context() as outage:
        outage.setattr(Pending, "files", raises(BadConfiguration("AWS refused it with AccessDenied")))
        daemon.cursor = Cursor().written()
        assert [daemon.tick() for _ in range(10)] == [1] + [0] * 9
    assert tick_much_later(daemon) == 1
    assert [report["status"] for report in lakehouse.reports.all()] == ["succeeded"]


def test_a_file_that_lands_before_the_run_is_seen_to_work_is_looked_for_when_that_has_ended(
    lakehouse: Lakehouse, daemon: Daemon
) -> None:
    """Between a run's start and its lease a tick takes the message of a file that the open batch does not have."""
    put_one_of_each(lakehouse)
    lakehouse.freeze("all")
    daemon.cursor = Cursor().written()
    result = daemon.evaluate()
    daemon.cursor = str(result.cursor)
    [request] = result.run_requests or []
    tags = {"dagster/run_key": str(request.run_key), "dagster/sensor_name": "files_landed"}
    begun = daemon.instance.create_run_for_job(
        defs.resolve_job_def(LOAD_BATCH), status=dg.DagsterRunStatus.STARTED, tags=tags
    )
    put_one_of_each(lakehouse)
    assert daemon.says() == f"The run for these files exists already: {request.run_key}."
    assert messages(lakehouse) == 0
    daemon.instance.add_run_tags(begun.run_id, {BATCH_TAG: "the open one"})
    daemon.instance.report_run_canceled(begun)  # stands in for its end: what it was to do another does
    defs.resolve_job_def(LOAD_BATCH).execute_in_process(instance=daemon.instance)
    assert daemon.tick() == 1
    assert keys(lakehouse, "raw/") == []


def test_files_that_land_behind_a_batch_that_failed_begin_nothing_and_are_loaded_when_a_person_has_ended_it(
    lakehouse: Lakehouse, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_batch_that_failed(lakehouse, daemon, monkeypatch)
    for number in range(2, 5):
        put_one_of_each(lakehouse)
        put(lakehouse, f"raw/products/{number}.csv", products_csv(product(number)))
        assert "has failed, and files that landed since then wait for its end" in daemon.says()
    assert "wait for its end" in daemon.says(), "it is said though nothing has landed"
    assert (daemon.runs, messages(lakehouse)) == (1, 0)
    assert defs.resolve_job_def(LOAD_BATCH).execute_in_process(instance=daemon.instance).success
    daemon.ahead += lakehouse.settings.listing_seconds
    assert daemon.tick() == 1
    assert [report["status"] for report in lakehouse.reports.all()] == ["succeeded_with_rejects", "succeeded"]
    assert table_rows(lakehouse, "products", "product_id") == [(1,), (2,), (3,), (4,)]
    assert keys(lakehouse, "raw/") == []


def test_when_a_person_is_seen_to_work_the_bucket_is_looked_at_afterwards(
    lakehouse: Lakehouse, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_batch_that_failed(lakehouse, daemon, monkeypatch)
    put_one_of_each(lakehouse)
    assert "wait for its end" in daemon.says()
    with monkeypatch.context() as under_way:
        under_way.setattr(Lease, "held_by", lambda _: "A person has been using this lakehouse")
        assert "A person has been using" in daemon.says()
    lakehouse.abandon("enough")
    assert daemon.tick() == 1
    assert [report["status"] for report in lakehouse.reports.all()] == ["abandoned", "succeeded"]


def test_an_upload_that_is_converted_and_held_back_by_the_gate_lets_no_file_begin_a_run(
    lakehouse: Lakehouse, daemon: Daemon
) -> None:
    put(lakehouse, "uploads/o.csv", orders_csv(order(1)))
    assert [daemon.tick() for _ in range(3)] == [1, 0, 0], "what it holds is known when it is converted"
    for number in range(3):
        put(lakehouse, f"raw/products/{number}.csv", products_csv(product(number)))
        assert daemon.tick() == 0
    put(lakehouse, "uploads/p.csv", products_csv(product(7)))
    assert [daemon.tick() for _ in range(3)] == [1, 0, 0], "of another upload nobody knows yet"
    put_one_of_each(lakehouse)
    assert daemon.tick() == 1
    assert {dataset: len(table_rows(lakehouse, dataset)) for dataset in lakehouse.contracts} == {
        "orders": 1,
        "products": 4,
        "order_items": 1,
    }
