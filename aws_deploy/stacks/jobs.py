"""The Glue jobs, defined by lakehouse_assets.glue.job, and the crawlers of the Delta tables."""

from __future__ import annotations

import re
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam

from aws_deploy.stacks.access import allow, objects, writes_catalog, writes_partitions
from aws_deploy.stacks.functions import log_group
from aws_deploy.stacks.site import Site, camel
from aws_deploy.stacks.steps import TOUCHES, Touches, load_of, may_touch
from lakehouse_assets.catalog.glue import rejected_table
from lakehouse_assets.glue.job import job_definition, step_definition
from lakehouse_assets.landing.zone import CODE, CONTRACTS, GLUE_TEMP, PIPES

OF_ALL_JOBS = "/aws-glue/jobs/"
OF_ALL_CRAWLERS = "/aws-glue/crawlers"
"""All crawlers of an account log to this group; Glue offers no other."""
OF_A_RUN = Touches(reads=(CODE, CONTRACTS, GLUE_TEMP, PIPES), writes=(GLUE_TEMP, PIPES), removes=(GLUE_TEMP,))
"""Keys that a run uses besides those of its step: its code, its temporary folder, and its messages to the Dagster run
that started it.
"""


def jobs(site: Site) -> None:
    """Creates a job for each dataset, and one for each step that the preset runs in Glue."""
    log = f"{OF_ALL_JOBS}{site.preset.stacks}"
    for kind in ("output", "error"):
        log_group(site, f"GlueJobs{camel(kind)}Log", f"{log}/{kind}")
    for contract in site.contracts.values():
        role = _role(site, camel(contract.dataset), may_touch(site, "load", load_of(contract) | OF_A_RUN))
        definition = job_definition(site.settings, contract, site.code, site.documents, role)
        workers = {"WorkerType": site.deployment.worker_type, "NumberOfWorkers": site.deployment.workers}
        _job(site, camel(contract.dataset), definition | workers, log)
    for step, name in site.preset.step_jobs.items():
        role = _role(site, camel(step), may_touch(site, step, TOUCHES[step] | OF_A_RUN))
        _job(site, camel(step), step_definition(site.settings, step, name, site.code, site.documents, role), log)


def _role(site: Site, word: str, statements: list[iam.PolicyStatement]) -> str:
    metrics = allow("WritesMetrics", ["cloudwatch:PutMetricData"], "*")
    metrics.add_conditions({"StringEquals": {"cloudwatch:namespace": ["Glue", "Glue/Job"]}})
    writes_logs = allow(
        "WritesLogs",
        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        site.arn("logs", f"log-group:{OF_ALL_JOBS}*"),
    )
    return site.role(f"{word}Job", "glue", [*statements, metrics, writes_logs], f"Glue job: {word}")


def _job(site: Site, word: str, definition: dict[str, Any], log: str) -> None:
    arguments = definition.pop("DefaultArguments") | {"--custom-logGroup-prefix": log}
    glue.CfnJob(
        site.stack,
        f"{word}Job",
        default_arguments=arguments,
        **{_snake(name): _as_property(value) for name, value in definition.items()},
    )


def crawlers(site: Site) -> None:
    """Creates the crawlers, which register the tables as native Delta tables. The state machine starts them; they have
    no schedule.
    """
    settings = site.settings
    _crawler(site, "Tables", settings.tables_prefix, None, "The Delta tables of the lakehouse.")
    _crawler(site, "Rejected", settings.rejected_prefix, rejected_table(""), "The rejected records of the lakehouse.")


def _crawler(site: Site, word: str, folder: str, prefix: str | None, description: str) -> None:
    name = site.crawlers[word]
    logs = allow(
        "WritesLogs",
        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        site.arn("logs", f"log-group:{OF_ALL_CRAWLERS}*"),
    )
    metrics = allow("WritesMetrics", ["cloudwatch:PutMetricData"], "*")
    metrics.add_conditions({"StringEquals": {"cloudwatch:namespace": "Glue"}})
    # "When crawling a Delta Lake data store, you must have Read/Write permissions to the Amazon S3 location" (AWS Glue,
    # Crawler prerequisites). No documentation says what a crawl without a manifest writes.
    writes = [f"{folder}{dataset}/*" for dataset in site.contracts]
    statements = [
        *objects(site, reads=[f"{folder}*"], writes=writes),
        *writes_catalog(site),
        writes_partitions(site),
        logs,
        metrics,
    ]
    tables = [f"s3://{site.settings.bucket}/{folder}{dataset}/" for dataset in site.contracts]
    glue.CfnCrawler(
        site.stack,
        f"{word}Crawler",
        name=name,
        description=description,
        role=site.role(f"{word}Crawler", "glue", statements, f"Crawler {name}"),
        database_name=site.settings.database,
        table_prefix=prefix,
        targets={"deltaTargets": [{"deltaTables": tables, "createNativeDeltaTable": True, "writeManifest": False}]},
        # If a table's folder is gone, a person decides whether to remove the table.
        schema_change_policy={"updateBehavior": "UPDATE_IN_DATABASE", "deleteBehavior": "LOG"},
    )


def _snake(name: str) -> str:
    """CreateJob's NumberOfWorkers as CDK's number_of_workers."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _as_property(value: Any) -> Any:
    """Nested fields: ScriptLocation as scriptLocation."""
    if isinstance(value, dict) and not cdk.Token.is_unresolved(value):
        return {name[:1].lower() + name[1:]: _as_property(inner) for name, inner in value.items()}
    return value
