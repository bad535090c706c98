"""One batch at a time: who comes second waits or stops, the dead are taken over from, and a holder that only slept can
do no harm.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any

import dagster as dg
import pytest
from botocore.exceptions import ClientError

from lakehouse_assets.assets.steps import step
from lakehouse_assets.aws.client import CONFLICT
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.batches.lease import Holding, Lease, this_machine
from lakehouse_assets.errors import BadData, LeaseLost, TemporaryOutage
from lakehouse_assets.landing.csv_files.preflight import preflight
from lakehouse_assets.landing.store import Store
from lakehouse_assets_tests.support import ClientWith, keys, put_one_of_each

pytestmark = pytest.mark.every_s3

KEY = "control/lease.json"
ELSEWHERE = "another machine"


@pytest.fixture
def leases(lakehouse: Lakehouse) -> Iterator[Any]:
    made = []

    def lease(holder: str, seconds_to_live: float = 60) -> Lease:
        made.append(Lease(lakehouse.zone.store, KEY, holder, seconds_to_live))
        return made[-1]

    yield lease
    for each in made:
        each.release()


def holding(lakehouse: Lakehouse) -> Holding:
    found = lakehouse.zone.store.get_json_version(KEY)
    assert found is not None
    return Holding(**found.value)


def held_elsewhere(lakehouse: Lakehouse) -> None:
    """A holder that lives on another machine, as far as anyone here can know, and was heard of just now."""
    lakehouse.zone.store.put_json(
        KEY, asdict(Holding("x", "a run elsewhere", ELSEWHERE, 1, "2026-01-01T00:00:00+00:00", 7))
    )


def never(words: str) -> None:
    raise AssertionError(words)


def test_the_second_waits_for_the_first_and_says_whom_for(leases: Any) -> None:
    said: list[str] = []
    first, second = leases("the first"), leases("the second")
    first.take(0, never)
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(second.take, 30, said.append)
        while not said:
            time.sleep(0.01)
        assert not second.taken
        first.release()
        waiting.result()
    assert second.taken
    assert "the first" in said[0]
    assert len(said) == 1


def test_who_has_waited_long_enough_stops_and_names_the_holder(leases: Any) -> None:
    leases("the first").take(0, never)
    second = leases("the second")
    with pytest.raises(TemporaryOutage, match="the first is still using this lakehouse"):
        second.take(0, lambda _: None)
    assert not second.taken


def test_of_many_who_want_it_at_once_one_gets_it(leases: Any) -> None:
    many = [leases(str(number)) for number in range(8)]

    def try_it(lease: Lease) -> bool:
        try:
            lease.take(0, lambda _: None)
        except TemporaryOutage:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(try_it, many)) == 1


def test_a_killed_process_is_taken_over_from_at_once(lakehouse: Lakehouse, leases: Any) -> None:
    code = (
        "import os, signal, sys; from lakehouse_assets.aws.client import Aws; from lakehouse_assets.batches.lease"
        " import Lease; from lakehouse_assets.landing.store import Store;"
        f" Lease(Store(Aws(dict(os.environ)).client('s3'), {lakehouse.settings.bucket!r}), {KEY!r}, 'killed').take(0,"
        " print); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code], env={**os.environ, **lakehouse.aws.environment}, check=False)
    assert killed.returncode < 0
    assert holding(lakehouse).holder == "killed"
    leases("the next").take(0, never)
    assert (holding(lakehouse).holder, holding(lakehouse).epoch) == ("the next", 2)


def test_one_elsewhere_is_taken_over_from_only_when_it_was_silent(lakehouse: Lakehouse, leases: Any) -> None:
    held_elsewhere(lakehouse)
    with pytest.raises(TemporaryOutage, match="a run elsewhere"):
        leases("hasty").take(0, lambda _: None)
    leases("patient", seconds_to_live=1).take(10, lambda _: None)
    assert holding(lakehouse).holder == "patient"


def test_a_holder_that_works_long_keeps_it(lakehouse: Lakehouse, leases: Any) -> None:
    at_work = leases("at work", seconds_to_live=3)
    at_work.take(0, never)
    time.sleep(4.5)
    assert leases("hasty", seconds_to_live=3).other_holder().holder == "at work"
    at_work.confirm()


def test_a_holder_that_slept_finds_out_and_leaves_the_other_alone(lakehouse: Lakehouse, leases: Any) -> None:
    sleeper = leases("the sleeper")
    sleeper.take(0, never)
    held_elsewhere(lakehouse)
    with pytest.raises(LeaseLost, match="another process took over the lakehouse"):
        sleeper.confirm()
    sleeper.release()
    assert holding(lakehouse).holder == "a run elsewhere"


def test_a_renewal_whose_answer_was_lost_is_no_loss(lakehouse: Lakehouse, leases: Any) -> None:
    lease = leases("unlucky")
    lease.take(0, never)
    before = holding(lakehouse)
    lakehouse.zone.store.put_json(KEY, asdict(replace(before, renewals=before.renewals + 1)))
    lease.confirm()
    assert lease.taken


def test_a_renewal_that_met_another_write_is_tried_again_and_done(lakehouse: Lakehouse, leases: Any) -> None:
    lease = leases("unlucky")
    lease.take(0, never)
    before, s3, conflicts = (
        holding(lakehouse),
        lakehouse.zone.store.s3,
        iter([ClientError({"Error": {"Code": CONFLICT}}, "PutObject")]),
    )

    def put(**request: Any) -> Any:
        for conflict in conflicts:
            raise conflict
        return s3.put_object(**request)

    lease._store = Store(ClientWith(s3, put_object=put), lakehouse.settings.bucket)
    lease.confirm()
    assert holding(lakehouse).renewals > before.renewals


def test_what_has_no_process_id_any_more_is_known_by_its_machine_only() -> None:
    gone = Holding("x", "gone", this_machine(), 2**22 + 1, "", 1)
    assert gone.process_is_gone
    assert not replace(gone, machine=ELSEWHERE).process_is_gone
    assert not replace(gone, process=os.getpid()).process_is_gone


def test_a_load_that_lost_its_lease_writes_no_more(lakehouse: Lakehouse) -> None:
    """It is lost while the rows are judged; nothing is written after that: no load result, no reject, no row."""
    put_one_of_each(lakehouse)
    lakehouse.take_lease(never)
    batch = lakehouse.freeze("any")
    assert batch is not None
    held_elsewhere(lakehouse)
    with pytest.raises(LeaseLost):
        batch.load("products")
    assert keys(lakehouse, "lakehouse-dwh/products/department_id") == []
    assert keys(lakehouse, "control/judgements/") == []


def test_a_freeze_that_lost_its_lease_opens_no_batch(lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is lost while the files are looked at: by then the other may have archived them."""
    put_one_of_each(lakehouse)
    lakehouse.take_lease(never)

    def and_lose_it(*given: Any, **named: Any) -> Any:
        held_elsewhere(lakehouse)
        return preflight(*given, **named)

    monkeypatch.setattr("lakehouse_assets.landing.freeze.preflight", and_lose_it)
    with pytest.raises(LeaseLost):
        lakehouse.freeze("any")
    assert keys(lakehouse, "control/manifests/") == []
    assert lakehouse.open_batch() is None


def test_a_step_that_lost_its_lease_leaves_the_others_report_as_it_is(lakehouse: Lakehouse) -> None:
    """It fails on what the other has done, on a file that is archived, say."""
    put_one_of_each(lakehouse)
    batch = lakehouse.freeze("any")
    assert batch is not None

    def fails() -> None:
        with step(lakehouse, batch.id):
            held_elsewhere(lakehouse)
            raise BadData("raw/orders/o.csv was deleted")

    with pytest.raises(dg.Failure, match="another process took over the lakehouse"):
        fails()
    assert batch.report() is None
