"""What a fresh embedded AWS needs before the first batch: the bucket with versions, the database, the workgroup, the Glue jobs. Idempotent."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from lakehouse_assets.aws import Aws
from lakehouse_assets.settings import Settings

ROLE = "arn:aws:iam::000000000000:role/lakehouse-glue"
"""A job has a role; the embedded Glue asks it for nothing."""


def bootstrap(settings: Settings, aws: Aws) -> None:
    """Creates what is not there. In an AWS account the deployment does this, never the program."""
    s3 = aws.client("s3")
    try:
        s3.head_bucket(Bucket=settings.bucket)
    except ClientError:
        s3.create_bucket(Bucket=settings.bucket)
    if s3.get_bucket_versioning(Bucket=settings.bucket).get("Status") != "Enabled":
        s3.put_bucket_versioning(Bucket=settings.bucket, VersioningConfiguration={"Status": "Enabled"})
    glue = aws.client("glue")
    try:
        glue.get_database(Name=settings.database)
    except glue.exceptions.EntityNotFoundException:
        glue.create_database(DatabaseInput={"Name": settings.database})
    athena = aws.client("athena")
    if settings.workgroup not in {group["Name"] for group in athena.list_work_groups()["WorkGroups"]}:
        athena.create_work_group(Name=settings.workgroup)
    if settings.chosen_engine in ("glue", "auto"):
        make_jobs(settings, aws)


def make_jobs(settings: Settings, aws: Aws) -> None:
    """Uploads the code as it is now, and brings each dataset's Glue job up to it."""
    from lakehouse_assets.contracts import read_contracts
    from lakehouse_assets.glue.job import job_definition
    from lakehouse_assets.glue.uploads import upload_code, upload_contracts
    from lakehouse_assets.landing.store import Store

    store, glue = Store(aws.client("s3"), settings.bucket), aws.client("glue")
    code = upload_code(store, settings.control_prefix)
    documents = upload_contracts(store, settings.control_prefix, settings.contracts)
    for contract in read_contracts(settings.contracts).values():
        _make_job(glue, job_definition(settings, contract, code, documents, ROLE))


def _make_job(glue: Any, wanted: dict[str, Any]) -> None:
    try:
        found = glue.get_job(JobName=wanted["Name"])["Job"]
    except glue.exceptions.EntityNotFoundException:
        glue.create_job(**wanted)
        return
    if any(found.get(name) != value for name, value in wanted.items()):
        glue.update_job(JobName=wanted["Name"], JobUpdate={name: value for name, value in wanted.items() if name != "Name"})
