"""The assets of files: uploads are converted to CSV in raw/, the pending files are frozen as a batch, and after the
load they are archived.
"""

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum

import dagster as dg

from lakehouse_assets.assets.keys import ARCHIVE, BATCH, UPLOADS, raw_key, table_key
from lakehouse_assets.assets.metadata import location, owners, raw_columns
from lakehouse_assets.assets.steps import alone, for_batch, step
from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import Contract, Contracts
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.jobs import BATCH_TAG, POOL, SENSOR_TAG
from lakehouse_assets.landing.convert import SheetRecord
from lakehouse_assets.landing.model import FileVersion
from lakehouse_assets.landing.zone import MANIFESTS
from lakehouse_assets.settings import Settings

RAW = "raw"
"""The group of the CSV files and of the batch. With it, and with a group for the archive, the UI's graph of groups is a
line from uploads to reports.
"""

NOTHING_TO_LOAD = "Nothing to load: no files are waiting, or the gate is not satisfied yet."
RUNS_OF_A_BATCH = 5
"""The number of runs of one batch that start by themselves (by the sensor, or by Dagster's retry of a run), if each
ends without a report. A batch whose report says why it failed is not started again by itself.
"""


class Gate(StrEnum):
    """The files that a batch needs: one of each dataset, or any file. (An enum, because Dagster's config does not
    support `Literal | None`. In the run config, a value is the member's name.)
    """

    all = "all"
    any = "any"


class BatchConfig(dg.Config):
    """`gate`: replaces the setting LAKEHOUSE_GATE for this run."""

    gate: Gate | None = None


def landing_assets(contracts: Contracts, settings: Settings) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The uploads, the CSV files of each dataset, and the batch."""
    return [_uploads(contracts, settings), _raw_assets(contracts, settings), _batch_asset(contracts, settings)]


def _uploads(contracts: Contracts, settings: Settings) -> dg.AssetSpec:
    """The uploads: an asset without a step, because people upload them."""
    return dg.AssetSpec(
        UPLOADS,
        group_name="uploads",
        kinds={"s3", "excel"},
        owners=owners(contracts.values()),
        description=(
            "Files that people upload: workbooks with a sheet for each day, and CSV files of any dataset. The header of"
            " a sheet or file determines its dataset."
        ),
        metadata={"dagster/uri": f"s3://{settings.bucket}/{settings.uploads_prefix}"},
    )


def _raw_assets(contracts: Contracts, settings: Settings) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="convert_uploads", specs=[_raw_spec(contract, settings) for contract in contracts.values()], pool=POOL
    )
    def convert_uploads(
        context: dg.AssetExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetObservation]:
        with alone(lakehouse):
            records = lakehouse.convert()
            waiting = lakehouse.pending.files()
        sheets = [sheet for record in records for sheet in record["sheets"]]
        outcomes = Counter(str(record["outcome"]) for record in records)
        yield dg.AssetObservation(
            UPLOADS, metadata={"uploads": len(records), "sheets": len(sheets), "rows": _rows(sheets), **outcomes}
        )
        for record in records:
            if record["reason"]:
                context.log.warning(f"{record['key']} {record['reason']}")
        for dataset, files in waiting.items():
            address = f"s3://{lakehouse.settings.bucket}/{lakehouse.zone.raw}{dataset}"
            numbers = _waiting(files, [sheet for sheet in sheets if sheet["dataset"] == dataset])
            yield dg.MaterializeResult(
                raw_key(dataset), metadata={**numbers, "location": location(lakehouse.console, address)}
            )

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
            f"The pending CSV files of {dataset}: uploaded by people, or converted from sheets of a workbook. A batch"
            " loads and archives them."
        ),
        metadata={
            "dagster/column_schema": raw_columns(contract),
            "dagster/uri": f"s3://{settings.bucket}/{settings.raw_prefix}{dataset}",
        },
    )


def _waiting(files: list[FileVersion], sheets: list[SheetRecord]) -> dict[str, int]:
    return {
        "files": len(files),
        "bytes": sum(file.size for file in files),
        "converted": len(sheets),
        "rows_converted": _rows(sheets),
    }


def _rows(sheets: list[SheetRecord]) -> int:
    """The number of converted rows. A sheet without a dataset was not converted, although it has rows."""
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
            "The manifest: the frozen list of file versions that this run loads. The same files always make the same"
            " batch. An interrupted batch is resumed. If no files are waiting, the following steps are skipped."
        ),
    )
    def batch(
        context: dg.AssetExecutionContext, config: BatchConfig, lakehouse: dg.ResourceParam[Lakehouse]
    ) -> Iterator[dg.Output[str]]:
        with alone(lakehouse):
            frozen = lakehouse.freeze(config.gate)
        if frozen is None:
            context.log.info(NOTHING_TO_LOAD)
            return
        context.instance.add_run_tags(context.run.run_id, {BATCH_TAG: frozen.id})
        with step(lakehouse, frozen.id):
            _refuse_after_killed_runs(context, frozen)
        manifest = frozen.manifest
        outcomes = Counter(str(file.outcome) for file in manifest.files)
        numbers = {"files": len(manifest.files), "bytes": sum(file.size for file in manifest.files), **outcomes}
        named = {"batch_id": frozen.id, "manifest": lakehouse.zone.manifest_key(frozen.id)}
        yield dg.Output(frozen.id, metadata={**named, **numbers})

    return batch


def _refuse_after_killed_runs(context: dg.AssetExecutionContext, batch: Batch) -> None:
    """Raises BadConfiguration if RUNS_OF_A_BATCH runs of the sensor ended without a report. A run that is killed leaves
    no report, so the sensor starts another, without end if the batch itself is the cause (it needs too much memory). A
    run that a person starts is never refused.
    """
    sensor = context.run.tags.get(SENSOR_TAG)
    if sensor is None or batch.report() is not None:
        return
    runs = context.instance.get_runs_count(dg.RunsFilter(tags={BATCH_TAG: batch.id, SENSOR_TAG: sensor}))
    if runs > RUNS_OF_A_BATCH:
        raise BadConfiguration(
            f"{RUNS_OF_A_BATCH} runs of batch {batch.id} ended without a report: each was killed, perhaps because it"
            " ran out of memory. The sensor starts no more runs of this batch. Look at their logs (the runs with the"
            f" tag {BATCH_TAG}={batch.id}), fix the cause or choose another engine (LAKEHOUSE_ENGINE), and run the job"
            " (`lakehouse load`, or in the UI); or abandon the batch with `lakehouse abandon`."
        )


def archive_asset(contracts: Contracts, settings: Settings) -> dg.AssetsDefinition:
    """The step after all loads: it moves the batch's files to the archive."""

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
            "The batch's files after the load. Each is entered in the ledger, copied, verified, and then deleted from"
            " raw/ or uploads/. Quarantined files are in rejected/files/."
        ),
    )
    def archive(lakehouse: dg.ResourceParam[Lakehouse], batch_id: str) -> dg.MaterializeResult[None]:
        with step(lakehouse, batch_id) as batch:
            moved = batch.archive()
        address = f"s3://{lakehouse.settings.bucket}/{lakehouse.zone.archive}{batch_id}"
        size = sum(file.size for file in batch.manifest.files)
        return dg.MaterializeResult(
            metadata={
                "batch_id": batch_id,
                "files": len(moved),
                "bytes": size,
                "location": location(lakehouse.console, address),
            }
        )

    return archive
