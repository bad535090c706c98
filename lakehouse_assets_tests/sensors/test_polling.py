"""A tick polls the queue for some seconds, so files that land meanwhile need no further tick. The files land in another
thread while the tick waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg
import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.batches.lease import Lease
from lakehouse_assets.locks import load_lock, locked
from lakehouse_assets.sensors.landing import Cursor, poll, poll_seconds
from lakehouse_assets_tests.sensors.support import NOTHING_DUE, messages
from lakehouse_assets_tests.support import product, products_csv, put, put_one_of_each

pytestmark = pytest.mark.usefixtures("environment_of_lakehouse")

LONG_ENOUGH = 20


def ticked(lakehouse: Lakehouse, instance: dg.DagsterInstance, seconds: int) -> dg.SensorResult:
    return poll(dg.build_sensor_context(instance, cursor=NOTHING_DUE.written()), lakehouse, seconds)


@contextmanager
def meanwhile(*steps: Callable[[], object]) -> Iterator[None]:
    """Does the steps in another thread, with a pause before each in which a tick that is called now begins to wait."""

    def do() -> None:
        for step in steps:
            time.sleep(0.5)
            step()

    thread = threading.Thread(target=do)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def reason(result: dg.SensorResult) -> str:
    return str(getattr(result.skip_reason, "skip_message", result.skip_reason))


def test_files_that_land_during_a_tick_get_a_run_from_it(lakehouse: Lakehouse, instance: dg.DagsterInstance) -> None:
    with meanwhile(lambda: put_one_of_each(lakehouse)):
        result = ticked(lakehouse, instance, LONG_ENOUGH)
    assert len(result.run_requests or []) == 1


def test_the_last_file_of_the_gate_gets_a_run_from_the_tick_that_saw_the_first(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    first = lambda: put(lakehouse, "raw/products/first.csv", products_csv(product(1)))  # noqa: E731
    with meanwhile(first, lambda: put_one_of_each(lakehouse)):
        result = ticked(lakehouse, instance, LONG_ENOUGH)
    assert len(result.run_requests or []) == 1


def test_a_tick_without_files_ends_and_says_so(lakehouse: Lakehouse, instance: dg.DagsterInstance) -> None:
    result = ticked(lakehouse, instance, 1)
    assert reason(result) == "No new files."
    assert Cursor.read(result.cursor) == NOTHING_DUE


def test_someone_who_begins_during_a_tick_gets_no_second_run_for_his_files(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    someone = Lease(lakehouse.zone.store, lakehouse.zone.lease_key, "someone")
    with meanwhile(lambda: (someone.take(0, print), put_one_of_each(lakehouse))):
        result = ticked(lakehouse, instance, LONG_ENOUGH)
    someone.release()
    assert not result.run_requests
    assert reason(result).startswith("someone has been using this lakehouse")
    assert Cursor.read(result.cursor).look_again
    assert messages(lakehouse) == 3, "they are delivered again"


def test_files_that_lakehouse_load_uploads_are_left_to_it(lakehouse: Lakehouse, instance: dg.DagsterInstance) -> None:
    """It uploads before it takes the lease."""
    with locked(load_lock(lakehouse.settings.home)):
        put_one_of_each(lakehouse)
        result = ticked(lakehouse, instance, LONG_ENOUGH)
        assert not result.run_requests
        assert reason(result).startswith("`lakehouse load` or `lakehouse maintain` is running in this home.")
    after = poll(dg.build_sensor_context(instance, cursor=result.cursor), lakehouse, LONG_ENOUGH)
    assert len(after.run_requests or []) == 1


def test_by_default_a_tick_ends_before_the_daemons_second_look_and_never_exceeds_what_sqs_allows() -> None:
    assert [poll_seconds(seconds) for seconds in (1, 5, 30)] == [1, 9, 20]
