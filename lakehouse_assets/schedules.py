"""The schedule of the tables' maintenance."""

import dagster as dg

from lakehouse_assets.assets.keys import rejected_key, table_key
from lakehouse_assets.assets.steps import alone
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.jobs import ONLY_IF_KILLED, POOL
from lakehouse_assets.settings import A_WEEK

MAINTAIN_TABLES = "maintain_tables"


@dg.op(
    pool=POOL,
    out=dg.Out(dg.Nothing),
    description=(
        "OPTIMIZE and VACUUM of every table and its rejected records. No row is changed. Each table's asset gets an"
        " observation with the numbers of files."
    ),
)
def maintain(context: dg.OpExecutionContext, lakehouse: dg.ResourceParam[Lakehouse]) -> None:
    with alone(lakehouse):
        done = lakehouse.maintain(A_WEEK)
    assets = {
        uri: key
        for dataset in lakehouse.contracts
        for uri, key in (
            (lakehouse.tables.table(dataset), table_key(dataset)),
            (lakehouse.tables.rejects(dataset), rejected_key(dataset)),
        )
    }
    for it in done:
        text = f"{it.table}: {it.compacted} small files compacted to {it.into}, {it.deleted} old files deleted"
        context.log.info(text)
        numbers = {"files_compacted": it.compacted, "files_written": it.into, "files_deleted": it.deleted}
        context.log_event(dg.AssetObservation(assets[it.table], description=text, metadata=numbers))


@dg.job(
    name=MAINTAIN_TABLES,
    tags=ONLY_IF_KILLED,
    description="Compacts small files and deletes files that no table version needs. Waits for a running batch.",
)
def maintain_tables() -> None:
    maintain()


maintenance = dg.ScheduleDefinition(
    name="maintenance",
    job=maintain_tables,
    cron_schedule="0 3 * * 0",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description=(
        "OPTIMIZE and VACUUM of all tables, on Sundays at 03:00 UTC. Old table versions stay readable for a week."
    ),
)
