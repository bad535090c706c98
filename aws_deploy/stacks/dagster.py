"""The role of the task that runs Dagster's daemon and runs, if Dagster is the orchestrator: on ECS, or with a trust
policy of your own.
"""

from __future__ import annotations

from aws_deploy.stacks.access import allow, executions, objects, queries, runs_jobs, tags, tells, writes_catalog
from aws_deploy.stacks.names import output
from aws_deploy.stacks.site import Site
from lakehouse_assets.landing.zone import ABANDONED, DAGSTER, OPEN_BATCH, PIPES, QUARANTINE, STAGING


def dagster_role(site: Site) -> None:
    """The role may do every step of a batch except Glue's, and the tables' maintenance."""
    settings = site.settings
    raw, uploads, archive, control = (
        settings.raw_prefix,
        settings.uploads_prefix,
        settings.archive_prefix,
        settings.control_prefix,
    )
    tables, rejected = settings.tables_prefix, settings.rejected_prefix
    statements = [
        *objects(
            site,
            reads=[f"{folder}*" for folder in (raw, uploads, tables, rejected, archive, control)],
            writes=[f"{folder}*" for folder in (raw, uploads, tables, rejected, archive, control)],
            # Never from the archive; of control/ only objects that a closed batch or a finished run leaves.
            removes=[
                *(f"{folder}*" for folder in (raw, uploads, tables, rejected)),
                *(f"{control}{name}" for name in (OPEN_BATCH, ABANDONED, f"{STAGING}*", f"{PIPES}*", f"{DAGSTER}*")),
            ],
        ),
        *tags(site, of=(raw, uploads), onto=(archive, f"{rejected}{QUARANTINE}", f"{control}{STAGING}")),
        allow(
            "TakesMessages",
            ["sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            site.queue,
        ),
        allow("CountsDeadLetters", ["sqs:GetQueueUrl", "sqs:GetQueueAttributes"], site.dead_letters),
        *runs_jobs(site),
        *queries(site),
        allow("WritesTheCatalog", ["glue:CreateTable", "glue:UpdateTable"], *writes_catalog(site)[-1].resources),
        *executions(site),
        *tells(site),
    ]
    arn = site.role("DagsterTask", "ecs-tasks", statements, "The task that runs Dagster")
    output(site.stack, "DagsterTaskRoleArn", arn, "For the ECS task that runs Dagster")
