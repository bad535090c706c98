"""The bucket: encrypted and versioned, with what it notifies of and what it deletes by age."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs

from aws_deploy.presets import EVENTBRIDGE, QUEUE, Preset
from aws_deploy.settings import Deployment
from aws_deploy.stacks.access import tls_only
from lakehouse_assets.settings import Settings

RAW_SUFFIXES = (".csv", ".CSV", ".csv.gz")
UPLOAD_SUFFIXES = (".xlsx", ".XLSX", ".xlsm", *RAW_SUFFIXES)
DAYS_OF_OLD_VERSIONS = 30
DAYS_OF_WITHDRAWN_FILES = 400
DAYS_OF_SCRATCH = 7


def make_bucket(
    stack: cdk.Stack, preset: Preset, settings: Settings, key: kms.CfnKey, queue: sqs.CfnQueue, deployment: Deployment
) -> None:
    """Versioned: a file that is overwritten before it was read is read in both versions. Encrypted, TLS only, never
    public.
    """
    bucket = s3.CfnBucket(
        stack,
        "Bucket",
        bucket_name=settings.bucket,
        versioning_configuration={"status": "Enabled"},
        bucket_encryption={
            "serverSideEncryptionConfiguration": [
                {
                    "serverSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key.attr_arn},
                    "bucketKeyEnabled": True,
                }
            ]
        },
        public_access_block_configuration={
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        ownership_controls={"rules": [{"objectOwnership": "BucketOwnerEnforced"}]},
        lifecycle_configuration={"rules": _lifecycle(settings)},
        notification_configuration=_notifications(preset, settings, queue),
        logging_configuration=(
            {"destinationBucketName": deployment.access_logs, "logFilePrefix": f"{settings.bucket}/"}
            if deployment.access_logs
            else None
        ),
    )
    # S3 sends a test message when it is told of the queue: it must be allowed to by then.
    bucket.add_resource_dependency(stack.node.find_child("QueuePolicy"))
    retain(bucket)
    arn = bucket.attr_arn
    s3.CfnBucketPolicy(
        stack,
        "BucketPolicy",
        bucket=bucket.ref,
        policy_document=iam.PolicyDocument(statements=[tls_only("s3:*", arn, f"{arn}/*")]),
    )


def _notifications(preset: Preset, settings: Settings, queue: sqs.CfnQueue) -> dict[str, Any]:
    """Who is told of a file that landed. One filter takes one suffix, hence the many."""
    if preset.trigger == EVENTBRIDGE:
        return {"eventBridgeConfiguration": {"eventBridgeEnabled": True}}
    assert preset.trigger == QUEUE
    folders = ((settings.raw_prefix, RAW_SUFFIXES), (settings.uploads_prefix, UPLOAD_SUFFIXES))
    return {
        "queueConfigurations": [
            {
                "event": "s3:ObjectCreated:*",
                "queue": queue.attr_arn,
                "filter": {
                    "s3Key": {"rules": [{"name": "prefix", "value": prefix}, {"name": "suffix", "value": suffix}]}
                },
            }
            for prefix, suffixes in folders
            for suffix in suffixes
        ]
    }


def _lifecycle(settings: Settings) -> list[dict[str, Any]]:
    """What is deleted by the clock. Not so the files that wait: their old versions are read too, however long the gate
    keeps them.
    """

    def rule(name: str, prefix: str, **does: Any) -> dict[str, Any]:
        return {"id": name, "status": "Enabled", "prefix": prefix, **does}

    def old_versions(days: int = DAYS_OF_OLD_VERSIONS) -> dict[str, Any]:
        """And the marker of a deletion once no version is left behind it: it says nothing any more, and listings read
        it for ever.
        """
        return {"noncurrentVersionExpiration": {"noncurrentDays": days}, "expiredObjectDeleteMarker": True}

    # Their expiration of current objects takes such markers away by itself (and S3 takes no rule with both).
    scratch = {"expirationInDays": DAYS_OF_SCRATCH, "noncurrentVersionExpiration": {"noncurrentDays": 1}}
    archive = [
        {"storageClass": "STANDARD_IA", "transitionInDays": 30},
        {"storageClass": "GLACIER_IR", "transitionInDays": 180},
    ]
    return [
        {
            "id": "parts-of-uploads-that-were-cut-short",
            "status": "Enabled",
            "abortIncompleteMultipartUpload": {"daysAfterInitiation": 3},
        },
        rule("files-withdrawn-from-raw", settings.raw_prefix, **old_versions(DAYS_OF_WITHDRAWN_FILES)),
        rule("files-withdrawn-from-uploads", settings.uploads_prefix, **old_versions(DAYS_OF_WITHDRAWN_FILES)),
        rule("old-versions-of-tables", settings.tables_prefix, **old_versions()),
        rule("old-versions-of-rejects", settings.rejected_prefix, **old_versions()),
        rule("archive", settings.archive_prefix, transitions=archive, **old_versions()),
        rule("old-versions-of-control", settings.control_prefix, **old_versions()),
        # It is renewed every 10 seconds while a batch runs, and of each renewal the version before would lie there for
        # a month.
        rule("old-versions-of-the-lease", f"{settings.control_prefix}lease.json", **old_versions(1)),
        # Copies of files for Spark, deleted when the batch is closed: a batch that stays open needs them for as long as
        # it does.
        rule("old-versions-of-staging", f"{settings.control_prefix}staging/", **old_versions(1)),
        *(
            rule(f"scratch-{folder}", f"{settings.control_prefix}{folder}/", **scratch)
            for folder in ("athena", "pipes", "glue-temp")
        ),
    ]


def retain(resource: cdk.CfnResource) -> None:
    """Deleting the stack does not delete it."""
    resource.cfn_options.deletion_policy = resource.cfn_options.update_replace_policy = cdk.CfnDeletionPolicy.RETAIN
