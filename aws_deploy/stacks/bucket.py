"""The bucket: versioned, encrypted with the lakehouse's key, TLS only, never public; its notifications and its
lifecycle rules.
"""

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
from lakehouse_assets.landing.zone import ATHENA, GLUE_TEMP, LEASE, PIPES, STAGING
from lakehouse_assets.settings import Settings

RAW_SUFFIXES = (".csv", ".CSV", ".csv.gz")
UPLOAD_SUFFIXES = (".xlsx", ".XLSX", ".xlsm", *RAW_SUFFIXES)
DAYS_OF_OLD_VERSIONS = 30
DAYS_OF_WITHDRAWN_FILES = 400
DAYS_OF_SCRATCH = 7


def make_bucket(
    stack: cdk.Stack, preset: Preset, settings: Settings, key: kms.CfnKey, queue: sqs.CfnQueue, deployment: Deployment
) -> None:
    """Versioning lets a batch load both versions of a file that is overwritten before it was loaded."""
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
    # S3 sends a test message when the notification is configured, so the queue's policy must exist by then.
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
    """Notifications of new files. A filter takes only one suffix, so there is a configuration for each suffix."""
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
    """Lifecycle rules. Old versions of raw/ and uploads/ are kept longest: a batch may still load them, however long
    the gate holds it back.
    """

    def rule(name: str, prefix: str, **does: Any) -> dict[str, Any]:
        return {"id": name, "status": "Enabled", "prefix": prefix, **does}

    def old_versions(days: int = DAYS_OF_OLD_VERSIONS) -> dict[str, Any]:
        """Expiry of old versions, and of a delete marker that has no version left: listings would read it for ever."""
        return {"noncurrentVersionExpiration": {"noncurrentDays": days}, "expiredObjectDeleteMarker": True}

    # Expiration of current objects also removes such delete markers, and S3 refuses a rule with both.
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
        # The lease is renewed every 10 seconds while a batch runs, and each renewal leaves an old version.
        rule("old-versions-of-the-lease", f"{settings.control_prefix}{LEASE}", **old_versions(1)),
        # Copies of files for Spark. They do not expire: they are deleted when the batch is closed, and an open batch
        # needs them.
        rule("old-versions-of-staging", f"{settings.control_prefix}{STAGING}", **old_versions(1)),
        *(
            rule(f"scratch-{folder.rstrip('/')}", f"{settings.control_prefix}{folder}", **scratch)
            for folder in (ATHENA, PIPES, GLUE_TEMP)
        ),
    ]


def retain(resource: cdk.CfnResource) -> None:
    """Keeps the resource when its stack is deleted, or when an update replaces it."""
    resource.cfn_options.deletion_policy = resource.cfn_options.update_replace_policy = cdk.CfnDeletionPolicy.RETAIN
