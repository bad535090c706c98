"""Shows in Dagster what the state machine did: its batches are recorded as materializations of the same assets, so that
one UI shows both.

Read from the batches' reports, which both orchestrators write. Nothing is run, and nothing is asked of AWS but the
bucket.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import dagster as dg

from lakehouse_assets.assets.keys import ARCHIVE, BATCH, REPORT, athena_key, raw_key, rejected_key, table_key
from lakehouse_assets.assets.steps import named_failures
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.connect import connected
from lakehouse_assets.etl.report_types import LoadReport
from lakehouse_assets.etl.status import FAILED, has_succeeded
from lakehouse_assets.settings import read_settings

SECONDS_BETWEEN_LOOKS = 60
LATEST = 100
"""Recorded reports among which one is looked for before it is recorded."""
MOST_OPEN = 100
"""Batches that failed and may yet succeed are looked at again; of those that nobody ever finishes the oldest are
forgotten.
"""


@dataclass(frozen=True)
class Cursor:
    """`seen`: the last report's key that was looked at. `unfinished`: keys before it of batches that had not succeeded
    then.
    """

    seen: str = ""
    unfinished: tuple[str, ...] = ()

    @staticmethod
    def read(text: str | None) -> Cursor:
        if not text:
            return Cursor()
        values = json.loads(text)
        return Cursor(values["seen"], tuple(values["unfinished"]))

    def written(self) -> str:
        return json.dumps(asdict(self))


@dg.sensor(
    name="state_machine_batches",
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Records the batches that the state machine ran (where one is deployed) as materializations, from their"
        " reports."
    ),
)
def state_machine_batches(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    with named_failures(), connected(read_settings()) as lakehouse:
        cursor, recorded = record(context.instance, lakehouse, Cursor.read(context.cursor))
    context.update_cursor(cursor.written())
    return dg.SkipReason(
        f"Recorded: {', '.join(recorded)}." if recorded else "The state machine has finished no other batch."
    )


def record(instance: dg.DagsterInstance, lakehouse: Lakehouse, cursor: Cursor) -> tuple[Cursor, list[str]]:
    """Records what succeeded since. Returns where to go on, and the batches that were recorded.

    Killed before the cursor is saved it looks at the same reports again; a batch whose report is recorded already is
    left alone.
    """
    reports = lakehouse.reports.after(cursor.seen) | lakehouse.reports.at(cursor.unfinished)
    recorded, unfinished = [], []
    for key, report in sorted(reports.items()):
        execution = report.get("run_by", {}).get("execution")
        if report["status"] == FAILED:
            unfinished.append(key)
        elif has_succeeded(report) and execution and not _is_recorded(instance, report["batch_id"]):
            for event in _events(report, lakehouse.contracts):
                instance.report_runless_asset_event(event)
            recorded.append(report["batch_id"])
    return Cursor(max([cursor.seen, *reports]), tuple(unfinished[-MOST_OPEN:])), recorded


def _is_recorded(instance: dg.DagsterInstance, batch_id: str) -> bool:
    """The report is recorded last, as it is written last."""
    latest = instance.fetch_materializations(REPORT, limit=LATEST).records
    said = [found.asset_materialization.metadata.get("batch_id") for found in latest if found.asset_materialization]
    return any(value is not None and value.value == batch_id for value in said)


def _events(report: LoadReport, datasets: Iterable[str]) -> Iterator[dg.AssetMaterialization]:
    run_by = report.get("run_by", {})
    told = {
        "batch_id": report["batch_id"],
        "execution": run_by.get("execution"),
        "link": dg.MetadataValue.url(run_by.get("link") or ""),
    }
    for dataset in datasets:
        yield _event(raw_key(dataset), told)
    yield _event(BATCH, told | {"files": len(report["files"])})
    for dataset in datasets:
        counts = dict(report["datasets"].get(dataset, {}))
        yield _event(table_key(dataset), told | counts | {"healed": report["healed"].get(dataset, 0)})
        yield _event(rejected_key(dataset), told | {"rejected": counts.get("rejected", 0)})
    yield _event(ARCHIVE, told)
    for dataset in datasets:
        yield _event(athena_key(dataset), told)
    yield _event(REPORT, told | {"status": report["status"]})


def _event(asset: dg.AssetKey, metadata: dict[str, Any]) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(asset, description="By the state machine.", metadata=metadata)
