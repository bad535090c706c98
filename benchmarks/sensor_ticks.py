"""The cost of a tick of the sensors with 100 and with 100,000 files in the ledger: milliseconds and calls to AWS. It
must not grow with the ledger.

The cases: no event; the bucket is listed and has no pending files; three pending files; and the alerts, with and
without a listing, which is due every LAKEHOUSE_LISTING_SECONDS. To list a folder, the embedded S3 goes through all its
objects, which S3 does not: for a listing only the calls are the same as on AWS.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

from benchmarks.measure import keep
from lakehouse_assets.aws.client import Aws
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.process import embedded_aws
from lakehouse_assets.landing.model import digest
from lakehouse_assets.local.bootstrap import bootstrap
from lakehouse_assets.parallel import in_parallel
from lakehouse_assets.sensors import alerts, landing
from lakehouse_assets.settings import Settings

LEDGERS = (100, 100_000)
TIMES = 15
NOTHING_DUE = landing.Cursor(look_again=False, looked_at=4e9).written()


class CallsCounted(Aws):
    """Counts the requests to AWS."""

    calls = 0

    def client(self, service: str) -> Any:
        client = super().client(service)
        client.meta.events.register("before-send", self._count, unique_id="benchmark")
        return client

    def _count(self, **_: Any) -> None:
        CallsCounted.calls += 1


def main() -> None:
    figures: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory() as home,
        embedded_aws(Path(home)) as embedded,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        lakehouse = Lakehouse(Settings(home=Path(home)), CallsCounted(embedded.environment()))
        bootstrap(lakehouse.settings, lakehouse.aws)
        entered = 0
        for ledger in LEDGERS:
            in_parallel(lambda number: _enter(lakehouse, number), range(entered, ledger))
            entered = ledger
            figures[f"{ledger} files in the ledger"] = _ticks(lakehouse, instance)
    keep("sensor_ticks", figures)


def _enter(lakehouse: Lakehouse, number: int) -> None:
    """Writes an entry of the ledger, as `ledger.enter` does."""
    key = f"{lakehouse.zone.raw}products/{number}.csv"
    entry = {
        "file_id": digest(key),
        "batch_id": digest(str(number // 100)),
        "dataset": "products",
        "key": key,
        "version": "v",
        "size": 1,
        "outcome": "loaded",
    }
    lakehouse.zone.store.put_json(lakehouse.zone.ledger_key(digest(key)), entry)


def _ticks(lakehouse: Lakehouse, instance: dg.DagsterInstance) -> dict[str, dict[str, float]]:
    def landed(cursor: str) -> dg.SensorResult:
        return landing.evaluate(dg.build_sensor_context(instance), lakehouse, landing.Cursor.read(cursor))

    def told(looked_at: float) -> dg.SensorResult:
        return alerts.evaluate(
            dg.build_sensor_context(instance, cursor=alerts.Cursor(0, 0, looked_at=looked_at).written()), lakehouse
        )

    ticks = {
        "nothing landed": _measured(lambda: landed(NOTHING_DUE)),
        "looks, nothing waits": _measured(lambda: landed(landing.Cursor().written())),
        "alerts": _measured(lambda: told(4e9)),
        "alerts, looks": _measured(lambda: told(0)),
    }
    waiting = [f"{lakehouse.zone.raw}{dataset}/waits.csv" for dataset in lakehouse.contracts]
    for key in waiting:
        lakehouse.zone.store.put_json(key, {})
    ticks["looks, three files wait"] = _measured(lambda: landed(landing.Cursor().written()))
    for version in lakehouse.zone.store.waiting(lakehouse.zone.raw):
        lakehouse.zone.store.s3.delete_object(
            Bucket=lakehouse.settings.bucket, Key=version.key, VersionId=version.version_id
        )
    lakehouse.aws.client("sqs").purge_queue(QueueUrl=lakehouse.queue.url)
    return ticks


def _measured(tick: Callable[[], Any]) -> dict[str, float]:
    tick()
    before, seconds = CallsCounted.calls, []
    for _ in range(TIMES):
        begun = time.perf_counter()
        tick()
        seconds.append(time.perf_counter() - begun)
    return {"ms": round(1000 * statistics.median(seconds), 1), "calls": round((CallsCounted.calls - before) / TIMES, 1)}


if __name__ == "__main__":
    main()
