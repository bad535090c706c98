"""What is done by the clock: the upkeep of the tables."""

import dagster as dg

from lakehouse_assets.assets.steps import alone
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.jobs import ONLY_IF_KILLED, POOL
from lakehouse_assets.settings import A_WEEK

MAINTAIN_TABLES = "maintain_tables"


@dg.op(
    pool=POOL,
    out=dg.Out(dg.Nothing),
    description="OPTIMIZE and VACUUM of every table and its rejected records. No row changes.",
)
def maintain(lakehouse: dg.ResourceParam[Lakehouse]) -> None:
    with alone(lakehouse):
        done = lakehouse.maintain(A_WEEK)
    for it in done:
        dg.get_dagster_logger().info(
            f"{it.table}: {it.compacted} small files into {it.into}, {it.deleted} old files deleted"
        )


@dg.job(
    name=MAINTAIN_TABLES,
    tags=ONLY_IF_KILLED,
    description="Small files become few, and files that nobody refers to any more are deleted; while no batch runs.",
)
def maintain_tables() -> None:
    maintain()


maintenance = dg.ScheduleDefinition(
    name="maintenance",
    job=maintain_tables,
    cron_schedule="0 3 * * 0",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
