"""What a fresh embedded AWS needs before the first batch: the bucket with versions, the database, the workgroup. Idempotent."""

from __future__ import annotations

from botocore.exceptions import ClientError

from lakehouse_assets.aws import Aws
from lakehouse_assets.settings import Settings


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
