"""Dagster and the state machine do the same: the same files through both, on two lakehouses, end in equal tables,
rejects, reports and archives. And both at once on one lakehouse: nothing doubles."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.etl.report_types import LoadReport
from lakehouse_assets.local.bootstrap import bootstrap
from lakehouse_assets.sample_data.files import make_sample_data
from lakehouse_assets_tests.aws_deploy.pipelines import Pipeline, deployed
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.embedded_aws.steps import wait_for
from lakehouse_assets_tests.support import (
    body,
    environment_of,
    item,
    items_csv,
    keys,
    nonzero,
    order,
    orders_csv,
    product,
    products_csv,
    put,
    rejects,
    select,
    table_rows,
)

pytestmark = pytest.mark.long

Files = dict[str, str | bytes | Path]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory, lambda_zips: dict[str, Path]) -> Iterator[Pipeline]:
    with deployed(tmp_path_factory.mktemp("pipeline"), lambda_zips, gate="any") as running:
        yield running


@pytest.fixture
def by_dagster(pipeline: Pipeline) -> Lakehouse:
    """Another lakehouse on the same embedded AWS."""
    house = Lakehouse(own_settings(pipeline.house.settings.home, gate="any"), pipeline.house.aws)
    bootstrap(house.settings, house.aws)
    return house


@pytest.fixture
def dagster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Lakehouse], LoadReport]]:
    """Runs the job for what waits, in this process, as `lakehouse load` does. The batch's report."""
    with dg.DagsterInstance.ephemeral() as instance:

        def run(house: Lakehouse) -> LoadReport:
            for name, value in environment_of(house).items():
                monkeypatch.setenv(name, value)
            from lakehouse_assets.definitions import defs
            from lakehouse_assets.jobs import LOAD_BATCH

            result = defs.resolve_job_def(LOAD_BATCH).execute_in_process(instance=instance)
            assert result.success
            return house.reports.all()[-1]

        yield run


def batches(folder: Path, house: Lakehouse) -> list[Files]:
    """Dirt of every kind and workbooks; corrections, a repeated file, late parents; then files of odd kinds, and
    parents for orphans among them.
    """
    sample = make_sample_data(folder, house.contracts)
    first = products_csv(product(9_000_001), product("x"))
    odd: Files = {
        "raw/order_items/orphans.csv": items_csv(
            item(9_000_001, 9_000_001, 9_000_001), item(9_000_002, 9_000_099, 9_000_001), item("?", 1, 1)
        ),
        "raw/orders/packed.csv.gz": gzip.compress(
            orders_csv(order(9_000_002), order(9_000_002, amount=11)).encode(), mtime=0
        ),
        "raw/orders/quarantined.csv": b"\xff\xfe\x00nothing",
        "raw/orders/empty.csv": orders_csv(),
        "raw/products/a.csv": first,
        "raw/products/copy.csv": first,
        "raw/stray.csv": first,
        "uploads/damaged.xlsx": b"PK\x03\x04 no workbook",
    }
    late: Files = {
        "raw/orders/late.csv": orders_csv(order(9_000_001), order(9_000_002, amount=12, hour=12)),
        "raw/products/a.csv": products_csv(product(9_000_001, "Corrected")),
    }
    days: list[Files] = [
        {f"uploads/{path.name}": path for path in sorted(day.iterdir())} for day in (sample.first, sample.second)
    ]
    return [*days, odd, late]


def put_all(house: Lakehouse, files: Files) -> None:
    # In order: of two files of one second the later name wins, so a second's end between them changes nothing.
    for key, content in sorted(files.items()):
        put(house, key, content)


def everything(house: Lakehouse) -> dict[str, Any]:
    """All that a batch leaves behind. Ids of batches hold the bucket's name: they are told by their number. The time of
    an upload is no fact of the file.
    """
    number: dict[str | None, int | None] = {
        report["batch_id"]: place for place, report in enumerate(house.reports.all())
    } | {None: None}
    own = ("batch_id", "created_at", "run_by")
    found: dict[str, Any] = {
        "reports": [
            {name: value for name, value in report.items() if name not in own} for report in house.reports.all()
        ],
        "archived": _files(house, "archived/"),
        "set aside": [file for file in _files(house, "rejected/files/") if not file[0].endswith(".reason.json")],
        "ledger": len(keys(house, "control/ledger/")),
        "left": keys(house, "raw/") + keys(house, "uploads/"),
    }
    for dataset, contract in house.contracts.items():
        rows = select(house, house.tables.table(dataset), [*contract.names, "source_file", "batch_id"])
        found[dataset] = [(*row[:-1], number[row[-1]]) for row in rows]
        found[f"rejected {dataset}"] = sorted(
            (
                {**record, "batch_id": number[record["batch_id"]], "healed_by": number[record["healed_by"]]}
                for record in rejects(house, dataset)
            ),
            key=str,
        )
    return found


def _files(house: Lakehouse, prefix: str) -> list[tuple[str, bytes]]:
    """By the names that they had. What was converted has a hash of the upload's version in its name, which no two
    buckets have in common.
    """
    found = [(key.removeprefix(prefix).split("/", 2)[2], body(house, key)) for key in keys(house, prefix)]
    return sorted((re.sub("/[0-9a-f]{8}(?=[/.])", "/", name), content) for name, content in found)


def test_the_same_files_end_in_the_same_lakehouse(
    pipeline: Pipeline, by_dagster: Lakehouse, dagster: Callable[[Lakehouse], LoadReport], tmp_path: Path
) -> None:
    healed = 0
    for files in batches(tmp_path, by_dagster):
        with pipeline.events_held_back():
            put_all(pipeline.house, files)
            pipeline.start()
            report = pipeline.succeeded()
        put_all(by_dagster, files)
        assert dagster(by_dagster)["status"] == report["status"]

        by_machine, by_job = everything(pipeline.house), everything(by_dagster)
        for what, found in by_job.items():
            assert by_machine[what] == found, what
        healed += sum(report["healed"].values())
    assert healed > 0
    assert all(by_job[dataset] and by_job[f"rejected {dataset}"] for dataset in by_dagster.contracts)
    assert by_job["set aside"]


def test_dagster_waits_for_the_execution_that_works_and_goes_on_after_it(
    pipeline: Pipeline,
    dagster: Callable[[Lakehouse], LoadReport],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house, take_lease = pipeline.house, Lakehouse.take_lease
    opened: list[Batch] = []

    def take_lease_after_an_execution(dagsters: Lakehouse, told: Callable[[str], None]) -> None:
        """The execution starts only now: on a slow machine it would be done before Dagster asks."""
        if not opened:
            pipeline.start()
            wait_for(house.lease.held_by, 60)
            opened.append(wait_for(house.open_batch, 60))
            put(house, "raw/orders/second.csv", orders_csv(order(8_000_001, amount=99, hour=12), order(8_000_002)))
        take_lease(dagsters, told)

    monkeypatch.setattr(Lakehouse, "take_lease", take_lease_after_an_execution)
    with pipeline.events_held_back():
        put(house, "raw/orders/first.csv", orders_csv(order(8_000_001)))
        dagster(house)
        # The topic hears of both.
        reports = [pipeline.succeeded(), pipeline.succeeded()]
    assert "has been using this lakehouse since" in capfd.readouterr().err
    [frozen] = opened
    by = {report["batch_id"]: report for report in reports}
    assert nonzero(by.pop(frozen.id)["datasets"]["orders"]) == {"read": 1, "inserted": 1}
    [second] = by.values()
    assert nonzero(second["datasets"]["orders"]) == {"read": 2, "inserted": 1, "updated": 1}
    assert [
        row
        for row in table_rows(house, "orders", "order_id", "total_amount")
        if row[0] > 8_000_000 and row[0] < 9_000_000
    ] == [
        (8_000_001, 99.0),
        (8_000_002, 10.5),
    ]


def test_while_dagster_works_an_execution_waits_and_no_other_is_started(pipeline: Pipeline) -> None:
    house = pipeline.house
    dagsters = Lakehouse(house.settings, house.aws, holder="Dagster run 1")
    with pipeline.events_held_back():
        put(house, "raw/orders/third.csv", orders_csv(order(8_000_003)))
        dagsters.take_lease(print)
        before = len(pipeline.executions())
        assert "Dagster run 1 has been using this lakehouse" in pipeline.start()
        assert len(pipeline.executions()) == before
        execution = pipeline.states.start_execution(stateMachineArn=pipeline.machine)["executionArn"]
        wait_for(
            lambda: (
                any(
                    e["type"] == "TaskFailed"
                    for e in pipeline.states.get_execution_history(executionArn=execution)["events"]
                )
                or None
            ),
            60,
        )
        assert pipeline.states_of(execution) == ["TakeLease"]
        dagsters.lease.release()
        assert nonzero(pipeline.succeeded()["datasets"]["orders"]) == {"read": 1, "inserted": 1}


def test_both_started_at_once_do_each_file_once(pipeline: Pipeline, dagster: Callable[[Lakehouse], LoadReport]) -> None:
    house = pipeline.house
    before = len(house.reports.all())
    put(house, "raw/orders/fourth.csv", orders_csv(order(8_000_004), order(8_000_005)))
    dagster(house)
    pipeline.succeeded()
    new = house.reports.all()[before:]
    assert [nonzero(report["datasets"]["orders"]) for report in new] == [{"read": 2, "inserted": 2}]
    assert [row for row in table_rows(house, "orders", "order_id") if row in ((8_000_004,), (8_000_005,))] == [
        (8_000_004,),
        (8_000_005,),
    ]
