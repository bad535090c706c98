"""Records the state machine's batches in Dagster, as materializations of the same assets, so that one UI shows the
batches of both orchestrators.

It reads the batches' reports, which both orchestrators write to the bucket, and does not start runs.
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
from lakehouse_assets.settings import Settings, read_settings

SECONDS_BETWEEN_LOOKS = 60
LATEST = 100
"""The number of latest materializations of the report among which a batch is looked for before it is recorded."""
MOST_OPEN = 100
"""The number of failed batches whose reports are read again, because they may still succeed. The oldest are dropped."""


@dataclass(frozen=True)
class Cursor:
    """`seen`: the key of the last report that was read. `unfinished`: keys before it of reports of failed batches."""

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


def state_machine_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor `state_machine_batches`. It is on by default if the state machine starts the batches."""

    @dg.sensor(
        name="state_machine_batches",
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=(
            dg.DefaultSensorStatus.RUNNING
            if settings.orchestrator == "state_machine"
            else dg.DefaultSensorStatus.STOPPED
        ),
        description=(
            "Records the batches of the state machine (if one is deployed) as materializations, from their reports. On"
            " by default with LAKEHOUSE_ORCHESTRATOR=state_machine."
        ),
    )
    def state_machine_batches(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        with named_failures(), connected(read_settings()) as lakehouse:
            cursor, recorded = record(context.instance, lakehouse, Cursor.read(context.cursor))
        context.update_cursor(cursor.written())
        if not recorded:
            return dg.SkipReason("The state machine has not finished another batch.")
        context.log.info(f"Recorded: {', '.join(recorded)}.")
        return dg.SkipReason(f"Recorded: {', '.join(recorded)}.")

    return state_machine_batches


def record(instance: dg.DagsterInstance, lakehouse: Lakehouse, cursor: Cursor) -> tuple[Cursor, list[str]]:
    """Records the batches that have succeeded since the cursor. Returns the new cursor and the ids of the batches.

    If the daemon is killed before it saves the cursor, the same reports are read again; a batch that is recorded
    already is skipped.
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
    """Whether a batch is recorded completely: its report is recorded last."""
    latest = instance.fetch_materializations(REPORT, limit=LATEST).records
    ids = [found.asset_materialization.metadata.get("batch_id") for found in latest if found.asset_materialization]
    return any(value is not None and value.value == batch_id for value in ids)


def _events(report: LoadReport, datasets: Iterable[str]) -> Iterator[dg.AssetMaterialization]:
    run_by = report.get("run_by", {})
    common = {
        "batch_id": report["batch_id"],
        "execution": run_by.get("execution"),
        "link": dg.MetadataValue.url(run_by.get("link") or ""),
    }
    for dataset in datasets:
        yield _event(raw_key(dataset), common)
    yield _event(BATCH, common | {"files": len(report["files"])})
    for dataset in datasets:
        counts = dict(report["datasets"].get(dataset, {}))
        yield _event(table_key(dataset), common | counts | {"healed": report["healed"].get(dataset, 0)})
        yield _event(rejected_key(dataset), common | {"rejected": counts.get("rejected", 0)})
    yield _event(ARCHIVE, common)
    for dataset in datasets:
        yield _event(athena_key(dataset), common)
    yield _event(REPORT, common | {"status": report["status"]})


def _event(asset: dg.AssetKey, metadata: dict[str, Any]) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(asset, description="Loaded by the state machine.", metadata=metadata)
