"""Statements of IAM policies: what a step reads, writes and removes in the bucket's folders, and which calls of other
services it makes.

The modules that define the roles choose among these statements.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aws_cdk import aws_iam as iam

from aws_deploy.stacks.site import Site
from lakehouse_assets.landing.zone import ATHENA


def objects(
    site: Site, reads: Iterable[str] = (), writes: Iterable[str] = (), removes: Iterable[str] = ()
) -> list[iam.PolicyStatement]:
    """Statements for objects with these keys, and for listing the bucket and using its key. `*` at the end of a key
    stands for everything in that folder.

    The whole bucket may be listed: S3 answers a request for an absent object with 404 only to callers that may list the
    bucket (403 to others), and the steps check each key before they write it. A condition on s3:prefix would not help:
    that request has no prefix, so the answer would be 403.
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
    """Statements for copying objects of folder `of` to folders `onto` with their tags. S3 copies the tags that a sender
    gave an object, and refuses the copy without these permissions.
    """
    return [
        allow(
            "ReadsTags",
            ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"],
            *(f"{site.bucket}/{folder}*" for folder in of),
        ),
        # A multipart copy tags the version that it created.
        allow(
            "WritesTags",
            ["s3:PutObjectTagging", "s3:PutObjectVersionTagging"],
            *(f"{site.bucket}/{folder}*" for folder in onto),
        ),
    ]


def key(site: Site, service: str = "s3") -> list[iam.PolicyStatement]:
    """Use of the lakehouse's key, only through the service that encrypts with it."""
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
    """To find out whether the execution that holds the lease is still running."""
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
    """Permissions that a crawler needs besides, as in AWS's own policy for crawlers (AWSGlueServiceRole). A Delta crawl
    that lacks a permission reports only "Internal Service Exception" (delta-io/delta-rs issue 2937).
    """
    actions = ["glue:CreatePartition", "glue:BatchCreatePartition", "glue:UpdatePartition", "glue:BatchUpdatePartition"]
    return allow("WritesPartitions", actions, *_catalog(site))


def queries(site: Site) -> list[iam.PolicyStatement]:
    """Queries in the lakehouse's workgroup. Athena reads the tables and writes the results with the caller's
    permissions, which are not among these statements (`objects`).

    Athena's documentation requires GetDatabase on the database `default`, whichever database is queried (Configure
    access to databases and tables in the Glue Data Catalog), and lists the multipart permissions among those for the
    results' location.
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


def allow_service(
    sid: str, service: str, action: str, resource: str, conditions: dict[str, Any]
) -> iam.PolicyStatement:
    """For a resource's own policy: an AWS service may do `action`."""
    return iam.PolicyStatement(
        sid=sid,
        principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
        actions=[action],
        resources=[resource],
        conditions=conditions,
    )


def tls_only(action: str, *resources: str) -> iam.PolicyStatement:
    """For a resource's own policy: requests without TLS are denied."""
    return iam.PolicyStatement(
        sid="OnlyOverTls",
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=[action],
        resources=[*resources],
        conditions={"Bool": {"aws:SecureTransport": "false"}},
    )


def _catalog(site: Site) -> list[str]:
    database = site.settings.database
    return [site.arn("glue", resource) for resource in ("catalog", f"database/{database}", f"table/{database}/*")]
