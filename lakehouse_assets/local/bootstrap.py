"""What a fresh embedded AWS needs before the first batch: the bucket with versions, the queue and the topic, the database, the
workgroup, the Glue jobs. Idempotent."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from lakehouse_assets.aws import Aws
from lakehouse_assets.settings import Settings

ROLE = "arn:aws:iam::000000000000:role/lakehouse-glue"
"""A job has a role; the embedded Glue asks it for nothing."""
MOST_RECEIVED = 5
"""How often a message is received before it counts as one that nobody can read."""


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
    make_queue_and_topic(settings, aws)
    if settings.chosen_engine in ("glue", "auto"):
        make_jobs(settings, aws)


def make_queue_and_topic(settings: Settings, aws: Aws) -> None:
    """The topic; the queue with its dead-letter queue; and S3 tells the queue of what lands."""
    aws.client("sns").create_topic(Name=settings.topic)
    s3, sqs = aws.client("s3"), aws.client("sqs")
    present = s3.get_bucket_notification_configuration(Bucket=settings.bucket).get("QueueConfigurations", [])
    if any(told["QueueArn"].endswith(f":{settings.queue}") for told in present):
        return
    queue = _queue(sqs, settings.queue) or _make_queue(sqs, settings)
    told = [
        {"QueueArn": queue, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}}
        for prefix in (settings.raw_prefix, settings.uploads_prefix)
    ]
    s3.put_bucket_notification_configuration(Bucket=settings.bucket, NotificationConfiguration={"QueueConfigurations": told})


def _make_queue(sqs: Any, settings: Settings) -> str:
    dead_letters = _arn(sqs, sqs.create_queue(QueueName=f"{settings.queue}-dead-letters", Attributes={"MessageRetentionPeriod": "1209600"})["QueueUrl"])
    redrive = json.dumps({"deadLetterTargetArn": dead_letters, "maxReceiveCount": MOST_RECEIVED})
    attributes = {"VisibilityTimeout": str(max(60, 3 * settings.sensor_seconds)), "RedrivePolicy": redrive}
    return _arn(sqs, sqs.create_queue(QueueName=settings.queue, Attributes=attributes)["QueueUrl"])


def _queue(sqs: Any, name: str) -> str | None:
    try:
        return _arn(sqs, sqs.get_queue_url(QueueName=name)["QueueUrl"])
    except sqs.exceptions.QueueDoesNotExist:
        return None


def _arn(sqs: Any, url: str) -> str:
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


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
