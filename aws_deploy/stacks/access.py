"""Permissions in words: what a step reads, writes and removes under the bucket's folders, and the calls of other
services.

Each function gives statements of IAM policies. Which role has which stands with the role.
"""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_iam as iam

from aws_deploy.stacks.site import Site
from lakehouse_assets.landing.zone import ATHENA


def objects(
    site: Site, reads: Iterable[str] = (), writes: Iterable[str] = (), removes: Iterable[str] = ()
) -> list[iam.PolicyStatement]:
    """What may be done with objects whose keys are like these: `*` at a key's end stands for all in that folder.

    The bucket may be listed as a whole: only who may list it is told that an object is absent (404), and the steps ask
    that of each key before they write it. (A condition on s3:prefix does not hold for that question, so it would make
    it a 403.)
    """
    wanted = {
        "Reads": (reads, ["s3:GetObject", "s3:GetObjectVersion"]),
        "Writes": (writes, ["s3:PutObject", "s3:AbortMultipartUpload"]),
        "Removes": (removes, ["s3:DeleteObject", "s3:DeleteObjectVersion"]),
    }
    statements = [allow("FindsOut", ["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation"], site.bucket)]
    for sid, (keys, actions) in wanted.items():
        if resources := [f"{site.bucket}/{key}" for key in dict.fromkeys(keys)]:
            statements.append(allow(sid, actions, *resources))
    return [*statements, *key(site)]


def tags(site: Site, of: Iterable[str], onto: Iterable[str]) -> list[iam.PolicyStatement]:
    """Copying an object copies the tags that its sender gave it, and is refused where it may not."""
    return [
        allow(
            "ReadsTags",
            ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"],
            *(f"{site.bucket}/{folder}*" for folder in of),
        ),
        # A copy in parts puts the tags onto the version that it made.
        allow(
            "WritesTags",
            ["s3:PutObjectTagging", "s3:PutObjectVersionTagging"],
            *(f"{site.bucket}/{folder}*" for folder in onto),
        ),
    ]


def key(site: Site, service: str = "s3") -> list[iam.PolicyStatement]:
    """The lakehouse's key, only by way of the service that encrypts with it."""
    via = {"StringEquals": {"kms:ViaService": f"{service}.{site.stack.region}.amazonaws.com"}}
    statement = allow(f"UsesTheKeyBy{service.title()}", ["kms:Decrypt", "kms:GenerateDataKey"], site.key)
    statement.add_conditions(via)
    return [statement]


def logs(site: Site, *groups: str) -> list[iam.PolicyStatement]:
    return [
        allow(
            "WritesItsLog",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            *(site.log_group_arn(group) for group in groups),
        )
    ]


def executions(site: Site) -> list[iam.PolicyStatement]:
    """Whether the execution that holds the lease still runs."""
    return [allow("LooksAtTheLeasesHolder", ["states:DescribeExecution"], site.executions)]


def tells(site: Site) -> list[iam.PolicyStatement]:
    return [allow("TellsTheTopic", ["sns:Publish"], site.topic), *key(site, "sns")]


def runs_jobs(site: Site) -> list[iam.PolicyStatement]:
    jobs = [site.arn("glue", f"job/{name}") for name in (*site.load_jobs.values(), *site.preset.step_jobs.values())]
    return [
        allow("RunsGlueJobs", ["glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"], *jobs)
    ]


def reads_catalog(site: Site) -> list[iam.PolicyStatement]:
    actions = [
        "glue:GetDatabase",
        "glue:GetTable",
        "glue:GetTables",
        "glue:GetPartition",
        "glue:GetPartitions",
        "glue:BatchGetPartition",
    ]
    return [allow("ReadsTheCatalog", actions, *_catalog(site))]


def writes_catalog(site: Site) -> list[iam.PolicyStatement]:
    return [*reads_catalog(site), allow("WritesTheCatalog", ["glue:CreateTable", "glue:UpdateTable"], *_catalog(site))]


def writes_partitions(site: Site) -> iam.PolicyStatement:
    """What a crawler may write besides, as AWS's own policy for it has it (AWSGlueServiceRole). A Delta crawl that
    lacks a permission says only "Internal Service Exception" (delta-io/delta-rs issue 2937)."""
    actions = ["glue:CreatePartition", "glue:BatchCreatePartition", "glue:UpdatePartition", "glue:BatchUpdatePartition"]
    return allow("WritesPartitions", actions, *_catalog(site))


def queries(site: Site) -> list[iam.PolicyStatement]:
    """Queries of the tables in the lakehouse's workgroup. Athena reads the tables and writes the results as whoever
    asks.

    Athena's documentation calls GetDatabase on the database `default` mandatory, whichever database is queried
    (Configure access to databases and tables in the Glue Data Catalog), and names the look at multipart uploads among
    the permissions for the results' location.
    """
    results = f"{site.settings.control_prefix}{ATHENA}*"
    actions = [
        "athena:StartQueryExecution",
        "athena:GetQueryExecution",
        "athena:GetQueryResults",
        "athena:StopQueryExecution",
        "athena:GetWorkGroup",
    ]
    return [
        allow("AsksAthena", actions, site.arn("athena", f"workgroup/{site.settings.workgroup}")),
        allow(
            "AsksTheCatalogOfTheAccount", ["athena:GetDataCatalog"], site.arn("athena", "datacatalog/AwsDataCatalog")
        ),
        *reads_catalog(site),
        allow(
            "AthenaLooksAtTheDefaultDatabase",
            ["glue:GetDatabase"],
            site.arn("glue", "catalog"),
            site.arn("glue", "database/default"),
        ),
        allow("AthenaLooksAtItsUploads", ["s3:ListBucketMultipartUploads"], site.bucket),
        allow(
            "AthenaWritesResultsInParts",
            ["s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"],
            f"{site.bucket}/{results}",
        ),
    ]


def allow(sid: str, actions: list[str], *resources: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=actions, resources=[*resources])


def _catalog(site: Site) -> list[str]:
    database = site.settings.database
    return [site.arn("glue", resource) for resource in ("catalog", f"database/{database}", f"table/{database}/*")]
