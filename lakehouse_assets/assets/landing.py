"""Files before any engine: uploads become CSV under raw/, what waits is frozen as a batch, and after the load it is archived."""

from collections import Counter
from collections.abc import Iterator

import dagster as dg

from lakehouse_assets.assets.steps import ARCHIVE, BATCH, alone, for_batch, step
from lakehouse_assets.assets.tables import table_key
from lakehouse_assets.contracts import Contracts
from lakehouse_assets.resources.lakehouse import LakehouseResource

GROUP = "landing"


class BatchConfig(dg.Config):
    """`gate`: what the batch needs: `all` (a file of each dataset) or `any`. By default the setting LAKEHOUSE_GATE decides."""

    gate: str | None = None


@dg.asset(key=["landing", "uploads"], group_name=GROUP, kinds={"s3", "excel", "python"})
def uploads(lakehouse: LakehouseResource) -> dg.MaterializeResult[None]:
    """Workbooks and unsorted CSV files that wait under uploads/: each sheet becomes a CSV under raw/, routed by its header."""
    with alone(lakehouse.lakehouse):
        records = lakehouse.lakehouse.convert()
    sheets = [sheet for record in records for sheet in record["sheets"]]
    return dg.MaterializeResult(metadata={"uploads": len(records), "sheets": len(sheets), "rows": sum(sheet["rows"] or 0 for sheet in sheets)})


@dg.asset(key=BATCH, group_name=GROUP, deps=[uploads], kinds={"s3", "python"}, output_required=False)
def batch(context: dg.AssetExecutionContext, config: BatchConfig, lakehouse: LakehouseResource) -> Iterator[dg.Output[str]]:
    """The frozen list of file versions that this run processes; a batch that was interrupted is taken up again. Nothing waits: what follows is skipped."""
    with alone(lakehouse.lakehouse):
        manifest = lakehouse.lakehouse.freeze(config.gate)
    if manifest is None:
        context.log.info("Nothing waits, or not yet what the gate asks for.")
        return
    outcomes = Counter(str(file.outcome) for file in manifest.files)
    yield dg.Output(
        manifest.batch_id, metadata={"batch_id": manifest.batch_id, "files": len(manifest.files), "bytes": sum(f.size for f in manifest.files), **outcomes}
    )


def archive_asset(contracts: Contracts) -> dg.AssetsDefinition:
    """Needs every dataset's load, so it is built from the contracts."""

    @dg.asset(
        key=ARCHIVE,
        group_name="archive",  # not "landing": as one group with what comes before the tables, the graph of groups would be a circle
        ins=for_batch(),
        deps=[table_key(dataset) for dataset in contracts],
        kinds={"s3", "python"},
        description="The batch's files, moved out of raw/ and uploads/: entered into the ledger, copied, verified, deleted. Unusable ones: rejected/files/.",
    )
    def archive(lakehouse: LakehouseResource, batch_id: str) -> dg.MaterializeResult[None]:
        with step(lakehouse.lakehouse, batch_id) as manifest:
            moved = lakehouse.lakehouse.archive(manifest)
        return dg.MaterializeResult(metadata={"batch_id": batch_id, "files": len(moved)})

    return archive
