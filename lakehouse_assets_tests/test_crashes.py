"""A process dies after any of its writes; the same run again ends as if nothing had happened.

Equal are then: tables and their versions, rejects, archive, ledger, reports, catalog. There are two batches, with dirt
of every kind, orphans in the first and their late parents in the second. In-process a crash is an exception that
nothing catches; a few are a real SIGKILL of the Dagster job in its own process.
"""

from __future__ import annotations

import json
import re
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets.local.bootstrap import bootstrap
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.crashing import Crash, Life, living
from lakehouse_assets_tests.support import (
    body,
    delta_versions,
    forget_local_copies,
    in_own_process,
    item,
    items_csv,
    keys,
    nonzero,
    order,
    orders_csv,
    product,
    products_csv,
    put,
    ran,
    rejects,
    run,
    table_rows,
)

pytestmark = pytest.mark.long

ENDLESS = 1_000_000
TABLES_AND_CONTROL = ("lakehouse-dwh/", "rejected/products/", "rejected/orders/", "rejected/order_items/", "control/")
WRITES_OF_FIRST, WRITES_OF_SECOND = 50, 30


def put_first(lakehouse: Lakehouse) -> None:
    """Rejected rows, orphans, an unusable file, an unsorted one."""
    put(lakehouse, "raw/products/p.csv", products_csv(product(1), product(2), product("x")))
    put(lakehouse, "uploads/o.csv", orders_csv(order(1), order(2)))
    put(lakehouse, "raw/orders/unusable.csv", "1,2\n")
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1), item(2, 9, 1), item(3, 9, 9), item(4, "?", 1)))


def put_second(lakehouse: Lakehouse) -> None:
    """A correction, a known content, the parent of two orphans (one of them waits for its product still), a new
    item.
    """
    put(lakehouse, "raw/orders/more.csv", orders_csv(order(1, amount=99), order(9)))
    put(lakehouse, "raw/products/again.csv", products_csv(product(1), product(2), product("x")))
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(5, 2, 2), item(6, 2, 77)))


def state(lakehouse: Lakehouse) -> dict[str, Any]:
    """All that a lakehouse holds, without what differs from one to the next: ids become names, times are left out."""
    history = lakehouse.reports.all()
    names = {report["batch_id"]: f"batch {place}" for place, report in enumerate(history, start=1)}
    names |= {lakehouse.settings.bucket: "bucket"}

    def named(value: Any) -> Any:
        text = json.dumps(value, default=str, sort_keys=True)
        for found, name in names.items():
            text = text.replace(found, name)
        return json.loads(re.sub(r"/[0-9a-f]{8}(?=[/.])", "/version", text))

    everything = keys(lakehouse, "")
    entries = [json.loads(body(lakehouse, key)) for key in everything if key.startswith("control/ledger/")]
    return {
        "tables": named(
            {
                dataset: table_rows(lakehouse, dataset, *lakehouse.contracts[dataset].names, "batch_id", "source_file")
                for dataset in lakehouse.contracts
            }
        ),
        "delta versions": named(delta_versions(lakehouse)),
        "rejects": named({dataset: rejects(lakehouse, dataset) for dataset in lakehouse.contracts}),
        "files": sorted(
            named(
                [(key, body(lakehouse, key).decode()) for key in everything if not key.startswith(TABLES_AND_CONTROL)]
            )
        ),
        "ledger": sorted(
            map(
                str,
                named(
                    [
                        {name: value for name, value in entry.items() if name not in ("file_id", "version")}
                        for entry in entries
                    ]
                ),
            )
        ),
        "reports": named(
            [{**report, "created_at": None, "files": sorted(report["files"], key=by_name)} for report in history]
        ),
        "control": sorted(
            key.split("/")[1]
            for key in everything
            if key.startswith("control/") and "athena" not in key and "lease" not in key
        ),
        "catalog": sorted(
            table["Name"]
            for table in lakehouse.catalog.glue.get_tables(DatabaseName=lakehouse.settings.database)["TableList"]
        ),
    }


def by_name(file: dict[str, Any]) -> str:
    """A report has its files by time; whether two were put within one second of S3 differs from one lakehouse to the
    next.
    """
    return str(file["source_file"])


def dies_after(lakehouse: Lakehouse, writes: int, named: str = "") -> list[str]:
    """One run of a process with so much life; what it wrote. It may come to its end before."""
    life = Life(writes, named=named)
    with living(lakehouse, life) as mortal, suppress(Crash):
        run(mortal)
    return life.writes


def both_batches(lakehouse: Lakehouse, first: int = ENDLESS, second: int = ENDLESS) -> None:
    """Both batches, each interrupted after so many writes and then run again to its end."""
    for put_files, writes in ((put_first, first), (put_second, second)):
        put_files(lakehouse)
        dies_after(lakehouse, writes)
        if writes % 2:
            forget_local_copies(lakehouse)
        if lakehouse.open_batch() or writes < ENDLESS:
            run(lakehouse)


@pytest.fixture(scope="module")
def undisturbed(lakehouse_home: Path, lakehouse_aws: EmbeddedAws) -> dict[str, Any]:
    lakehouse = empty_lakehouse(lakehouse_home, lakehouse_aws)
    both_batches(lakehouse)
    return state(lakehouse)


def empty_lakehouse(home: Path, aws: EmbeddedAws) -> Lakehouse:
    lakehouse = Lakehouse(own_settings(home), Aws(aws.environment()))
    bootstrap(lakehouse.settings, lakehouse.aws)
    return lakehouse


def assert_as_if_undisturbed(lakehouse: Lakehouse, undisturbed: dict[str, Any]) -> None:
    found = state(lakehouse)
    for part, expected in undisturbed.items():
        assert found[part] == expected, part


def test_the_undisturbed_run_is_what_it_should_be(undisturbed: dict[str, Any]) -> None:
    assert [report["datasets"]["order_items"] for report in undisturbed["reports"]] == [
        {
            "read": 4,
            "retried": 0,
            "inserted": 1,
            "updated": 0,
            "unchanged": 0,
            "duplicates": 0,
            "stale": 0,
            "rejected": 3,
        },
        {
            "read": 2,
            "retried": 2,
            "inserted": 2,
            "updated": 0,
            "unchanged": 0,
            "duplicates": 0,
            "stale": 0,
            "rejected": 2,
        },
    ]
    assert [row[0] for row in undisturbed["tables"]["order_items"]] == [1, 2, 5]
    assert undisturbed["tables"]["orders"][0][4] == 99.0
    assert len(undisturbed["files"]) == 9
    assert "open_batch.json" not in undisturbed["control"]


def test_every_write_is_among_those_that_are_tried(lakehouse: Lakehouse) -> None:
    """If this fails, a step writes more or less than before: change the two numbers."""
    put_first(lakehouse)
    first = dies_after(lakehouse, ENDLESS)
    put_second(lakehouse)
    second = dies_after(lakehouse, ENDLESS)
    assert (len(first), len(second)) == (WRITES_OF_FIRST, WRITES_OF_SECOND), "\n".join([*first, *second])


@pytest.mark.parametrize("writes", range(WRITES_OF_SECOND))
def test_a_crash_after_any_write_is_healed_by_the_next_run(
    lakehouse: Lakehouse, undisturbed: dict[str, Any], writes: int
) -> None:
    """Each write of the second batch is the last one once, and, for the sake of time, about every other of the
    first.
    """
    both_batches(lakehouse, writes * WRITES_OF_FIRST // WRITES_OF_SECOND, writes)
    assert_as_if_undisturbed(lakehouse, undisturbed)


@pytest.mark.parametrize(
    ("writes", "named"),
    [(1, "put_object control/open_batch.json"), (5, "append"), (5, "copy"), (1, "put_object control/reports/")],
)
def test_a_killed_dagster_job_is_healed_by_the_next_run(
    lakehouse: Lakehouse, undisturbed: dict[str, Any], writes: int, named: str
) -> None:
    """It dies after so many writes of that name. The fifth append is the items' own rows, the fifth copy that of the
    last file.
    """
    put_first(lakehouse)
    ended = in_own_process(
        lakehouse,
        """
        import lakehouse_assets.connect
        from lakehouse_assets.cli.runs import run_batch
        from lakehouse_assets_tests.crashing import Life, MortalAws, kill, make_commits_mortal

        def told_then_killed():
            print(life.writes[-1], flush=True)
            kill()

        life = Life(int(sys.argv[1]), told_then_killed, sys.argv[2])
        make_commits_mortal(setattr, life)
        lakehouse_assets.connect.Aws = lambda environment: MortalAws(environment, life)
        run_batch(lakehouse)
        """,
        str(writes),
        named,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert ended.stdout.startswith(named)
    forget_local_copies(lakehouse)
    ran(lakehouse)
    put_second(lakehouse)
    ran(lakehouse)
    assert_as_if_undisturbed(lakehouse, undisturbed)


def test_a_process_that_dies_again_and_again_gets_there_too(lakehouse: Lakehouse, undisturbed: dict[str, Any]) -> None:
    for put_files in (put_first, put_second):
        put_files(lakehouse)
        for attempt in range(1, 20):
            dies_after(lakehouse, 5 * attempt)
    assert_as_if_undisturbed(lakehouse, undisturbed)


def test_an_orphan_that_lacks_a_parent_still_is_counted_once_whatever_crashes(lakehouse: Lakehouse) -> None:
    """Of its two parents one comes: that batch changes no row of the items, only the orphan's record, and leaves no
    other trace.
    """
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 9, 9)))
    ran(lakehouse)
    put(lakehouse, "raw/products/p.csv", products_csv(product(9)))
    writes = dies_after(lakehouse, 1, "merge")
    assert writes[-1] == "merge", "the one merge is the one that settles the orphan"
    report = ran(lakehouse)
    assert nonzero(report["datasets"]["order_items"]) == {"retried": 1, "rejected": 1}
    assert [record["reasons"] for record in rejects(lakehouse, "order_items")] == [
        ["order_id: no such orders.order_id"]
    ]
