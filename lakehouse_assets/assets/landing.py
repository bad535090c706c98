"""Files before any engine: uploads become CSV under raw/, what waits is frozen as a batch, and after the load it is
archived.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

import dagster as dg

from lakehouse_assets.assets.keys import ARCHIVE, BATCH, UPLOADS, raw_key, table_key
from lakehouse_assets.assets.metadata import owners, place, raw_columns
from lakehouse_assets.assets.steps import alone, for_batch, step
from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.contracts import Contract, Contracts
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.jobs import BATCH_TAG, POOL, SENSOR_TAG
from lakehouse_assets.landing.model import FileVersion
from lakehouse_assets.landing.zone import MANIFESTS
from lakehouse_assets.resources.lakehouse import LakehouseResource
from lakehouse_assets.settings import Settings

RAW = "raw"
"""One group as far as the batch: the graph of groups is then a line, from uploads to reports. The archive has a group
of its own for the same reason.
"""


RUNS_OF_A_BATCH = 5
"""So many runs of one batch begin by themselves (by the sensor, or by Dagster's own retry of a run), if each ends
without a word. What says why it failed is not begun again at all."""


class Gate(StrEnum):
    """What a batch needs: a file of each dataset, or any file. (An enum, because Dagster's config knows no `Literal |
    None`; it takes the members' names.)
    """

    all = "all"
    any = "any"


class BatchConfig(dg.Config):
    """`gate`: for this run another gate than the setting LAKEHOUSE_GATE names."""

    gate: Gate | None = None


def landing_assets(contracts: Contracts, settings: Settings) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    return [_uploads(contracts, settings), _raw_assets(contracts, settings), _batch_asset(contracts, settings)]


def _uploads(contracts: Contracts, settings: Settings) -> dg.AssetSpec:
    """Made by people, not by a step."""
    return dg.AssetSpec(
        UPLOADS,
        group_name="uploads",
        kinds={"s3", "excel"},
        owners=owners(contracts.values()),
        description=(
            "What people drop: workbooks with a sheet a day, and CSV files of whichever dataset. Each sheet finds its"
            " dataset by its header."
        ),
        metadata={"dagster/uri": f"s3://{settings.bucket}/{settings.uploads_prefix}"},
    )


def _raw_assets(contracts: Contracts, settings: Settings) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="convert_uploads", specs=[_raw_spec(contract, settings) for contract in contracts.values()], pool=POOL
    )
    def convert_uploads(
        context: dg.AssetExecutionContext, lakehouse: LakehouseResource
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetObservation]:
        house = lakehouse.lakehouse
        with alone(house):
            records = house.convert()
            waiting = house.pending.files()
        sheets = [sheet for record in records for sheet in record["sheets"]]
        outcomes = Counter(str(record["outcome"]) for record in records)
        yield dg.AssetObservation(
            UPLOADS, metadata={"uploads": len(records), "sheets": len(sheets), "rows": _rows(sheets), **outcomes}
        )
        for record in records:
            if record["reason"]:
                context.log.warning(f"{record['key']} {record['reason']}")
        for dataset, files in waiting.items():
            address = f"s3://{house.settings.bucket}/{house.zone.raw}{dataset}"
            numbers = _waiting(files, [sheet for sheet in sheets if sheet["dataset"] == dataset])
            yield dg.MaterializeResult(raw_key(dataset), metadata={**numbers, "place": place(house.console, address)})

    return convert_uploads


def _raw_spec(contract: Contract, settings: Settings) -> dg.AssetSpec:
    dataset = contract.dataset
    return dg.AssetSpec(
        raw_key(dataset),
        deps=[UPLOADS],
        group_name=RAW,
        kinds={"s3", "csv"},
        owners=owners([contract]),
        description=(
            f"The CSV files of {dataset} that wait: dropped there by people, or made of a workbook's sheets. A batch"
            " takes and archives them."
        ),
        metadata={
            "dagster/column_schema": raw_columns(contract),
            "dagster/uri": f"s3://{settings.bucket}/{settings.raw_prefix}{dataset}",
        },
    )


def _waiting(files: list[FileVersion], sheets: list[Mapping[str, Any]]) -> dict[str, int]:
    return {
        "files": len(files),
        "bytes": sum(file.size for file in files),
        "converted": len(sheets),
        "rows_converted": _rows(sheets),
    }


def _rows(sheets: list[Mapping[str, Any]]) -> int:
    """The rows that were converted; a sheet that was not has rows, too."""
    return sum(sheet["rows"] or 0 for sheet in sheets if sheet["dataset"])


def _batch_asset(contracts: Contracts, settings: Settings) -> dg.AssetsDefinition:
    @dg.asset(
        key=BATCH,
        group_name=RAW,
        deps=[raw_key(dataset) for dataset in contracts],
        kinds={"s3", "json"},
        owners=owners(contracts.values()),
        pool=POOL,
        output_required=False,
        metadata={"dagster/uri": f"s3://{settings.bucket}/{settings.control_prefix}{MANIFESTS}"},
        description=(
            "The frozen list of file versions that this run processes (a manifest; the same files always make the same"
            " batch). A batch that was interrupted is taken up again. Nothing waits: what follows is skipped."
        ),
    )
    def batch(
        context: dg.AssetExecutionContext, config: BatchConfig, lakehouse: LakehouseResource
    ) -> Iterator[dg.Output[str]]:
        house = lakehouse.lakehouse
        with alone(house):
            frozen = house.freeze(config.gate)
        if frozen is None:
            context.log.info("Nothing waits, or not yet what the gate asks for.")
            return
        context.instance.add_run_tags(context.run.run_id, {BATCH_TAG: frozen.id})
        with step(house, frozen.id):
            _refuse_what_kills_each_run(context, frozen)
        manifest = frozen.manifest
        outcomes = Counter(str(file.outcome) for file in manifest.files)
        numbers = {"files": len(manifest.files), "bytes": sum(file.size for file in manifest.files), **outcomes}
        named = {"batch_id": frozen.id, "manifest": house.zone.manifest_key(frozen.id)}
        yield dg.Output(frozen.id, metadata={**named, **numbers})

    return batch


def _refuse_what_kills_each_run(context: dg.AssetExecutionContext, batch: Batch) -> None:
    """A run that is killed leaves no report, so the sensor begins another: for ever, if it is the batch that kills it.
    A person's run is never refused.
    """
    sensor = context.run.tags.get(SENSOR_TAG)
    if sensor is None or batch.report() is not None:
        return
    runs = context.instance.get_runs_count(dg.RunsFilter(tags={BATCH_TAG: batch.id, SENSOR_TAG: sensor}))
    if runs > RUNS_OF_A_BATCH:
        raise BadConfiguration(
            f"{RUNS_OF_A_BATCH} runs of batch {batch.id} ended without a word: each was killed, perhaps for"
            " want of memory. The sensor begins no more. Look at their logs (the runs with the tag"
            f" {BATCH_TAG}={batch.id}), then give them what they lack, or another engine (LAKEHOUSE_ENGINE),"
            " and run the batch yourself (`lakehouse load`, or the job in the UI); or give it up by `lakehouse"
            " abandon`."
        )


def archive_asset(contracts: Contracts, settings: Settings) -> dg.AssetsDefinition:
    """Needs every dataset's load, so it is built from the contracts."""

    @dg.asset(
        key=ARCHIVE,
        group_name="archive",
        ins=for_batch(),
        deps=[table_key(dataset) for dataset in contracts],
        kinds={"s3"},
        owners=owners(contracts.values()),
        pool=POOL,
        metadata={"dagster/uri": f"s3://{settings.bucket}/{settings.archive_prefix}"},
        description=(
            "The batch's files, moved out of raw/ and uploads/: entered into the ledger, copied, verified, deleted."
            " Unusable ones: rejected/files/."
        ),
    )
    def archive(lakehouse: LakehouseResource, batch_id: str) -> dg.MaterializeResult[None]:
        house = lakehouse.lakehouse
        with step(house, batch_id) as batch:
            moved = batch.archive()
        address = f"s3://{house.settings.bucket}/{house.zone.archive}{batch_id}"
        size = sum(file.size for file in batch.manifest.files)
        return dg.MaterializeResult(
            metadata={"batch_id": batch_id, "files": len(moved), "bytes": size, "place": place(house.console, address)}
        )

    return archive
