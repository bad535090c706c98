"""What holds the data and outlives any deployment of code: the bucket, its key, the queue and the topic, the Glue
database, the Athena workgroup.
"""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from aws_deploy.presets import EVENTBRIDGE, QUEUE, Preset
from aws_deploy.settings import Deployment
from aws_deploy.stacks.names import named_by_parameters, output
from lakehouse_assets.catalog.queries import named_queries, statement_of
from lakehouse_assets.landing.zone import ATHENA, GLUE_TEMP, LEASE, PIPES, STAGING
from lakehouse_assets.settings import Settings

RAW_SUFFIXES = (".csv", ".CSV", ".csv.gz")
UPLOAD_SUFFIXES = (".xlsx", ".XLSX", ".xlsm", *RAW_SUFFIXES)
MOST_RECEIVED = 5
"""How often a message is received before it counts as one that nobody can read."""
AVAILABILITY_SECONDS = 300
"""What the availability Lambda may take: it asks S3 once for each file that waits, and a backlog of ten thousands of
files takes minutes.
"""
SECONDS_OF_MESSAGES = 20
"""How long messages are gathered for one call of it."""
SECONDS_INVISIBLE = 6 * AVAILABILITY_SECONDS + SECONDS_OF_MESSAGES
"""Six times the Lambda's time-out and the time it waits for more, as AWS advises: no message comes again while it is
worked on.
"""
SECONDS_OF_A_POLL = 1
"""What Dagster's sensor waits for where the queue is empty."""
DAYS_OF_DEAD_LETTERS = 14
DAYS_OF_OLD_VERSIONS = 30
DAYS_OF_WITHDRAWN_FILES = 400
DAYS_OF_SCRATCH = 7
GIGABYTE = 1_000_000_000
IAM_DECIDES = [{"principal": {"dataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "permissions": ["ALL"]}]
"""Lake Formation's words for "IAM alone says who may use it", for each table that is made in the database. An account
whose catalog settings have no such default would else refuse crawler, Athena and registration with "Insufficient Lake
Formation permission(s)", whatever IAM allows."""


class StorageStack(cdk.Stack):
    """`settings` give the parameters their defaults."""

    def __init__(self, app: cdk.App, preset: Preset, settings: Settings, deployment: Deployment) -> None:
        super().__init__(
            app,
            preset.storage_stack,
            description=(
                f"Lakehouse {preset.name}: bucket, queue, topic, catalog. Holds the data: deleting the stack keeps"
                " bucket and key."
            ),
            synthesizer=cdk.BootstraplessSynthesizer(),
        )
        settings = named_by_parameters(self, settings)
        key = _key(self)
        queue = _queues(self, settings)
        _bucket(self, preset, settings, key, queue, deployment)
        topic = _topic(self, settings, key, deployment)
        database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=self.account,
            database_input={
                "name": settings.database,
                "description": "The lakehouse's tables and its rejected records.",
                "createTableDefaultPermissions": IAM_DECIDES,
            },
        )
        _workgroup(self, settings, key, database, deployment)
        output(self, "KeyArn", key.attr_arn, "The key that encrypts it")
        output(self, "QueueUrl", queue.ref, "Where S3 tells of files that landed")
        output(self, "QueueArn", queue.attr_arn, "The same")
        output(self, "TopicArn", topic.ref, "Who wants to know how batches went subscribes here")


def _key(stack: cdk.Stack) -> kms.CfnKey:
    """One key for all that the lakehouse holds. Who may use it is said in IAM, by role; here stand the AWS services
    that write on their own behalf.
    """
    account_root = iam.PolicyStatement(
        sid="TheAccountsPoliciesDecide", principals=[iam.AccountRootPrincipal()], actions=["kms:*"], resources=["*"]
    )
    publishers = iam.PolicyStatement(
        sid="AlarmsPublishToTheTopic",
        principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
        actions=["kms:Decrypt", "kms:GenerateDataKey*"],
        resources=["*"],
        conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
    )
    logs = iam.PolicyStatement(
        sid="LogGroupsOfThisAccount",
        principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
        actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        resources=["*"],
        conditions={
            "ArnLike": {
                "kms:EncryptionContext:aws:logs:arn": (
                    f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:*"
                )
            }
        },
    )
    delivered = iam.PolicyStatement(
        sid="StepFunctionsDeliversItsLog",
        principals=[iam.ServicePrincipal("delivery.logs.amazonaws.com")],
        actions=["kms:Decrypt", "kms:GenerateDataKey*"],
        resources=["*"],
        conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
    )
    key = kms.CfnKey(
        stack,
        "Key",
        description="Encrypts the lakehouse: the bucket, the topic, the logs.",
        enable_key_rotation=True,
        key_policy=iam.PolicyDocument(statements=[account_root, publishers, logs, delivered]),
    )
    _keep(key)
    return key


def _queues(stack: cdk.Stack, settings: Settings) -> sqs.CfnQueue:
    """The queue of events, and its dead-letter queue: nothing but what could not be read ends there."""
    dead_letters = sqs.CfnQueue(
        stack,
        "DeadLetterQueue",
        queue_name=f"{settings.queue}-dead-letters",
        message_retention_period=DAYS_OF_DEAD_LETTERS * 86_400,
        sqs_managed_sse_enabled=True,
    )
    queue = sqs.CfnQueue(
        stack,
        "Queue",
        queue_name=settings.queue,
        visibility_timeout=SECONDS_INVISIBLE,
        # Asks all of SQS's servers: a short poll asks some, and may find none of the messages that are there.
        receive_message_wait_time_seconds=SECONDS_OF_A_POLL,
        sqs_managed_sse_enabled=True,
        redrive_policy={"deadLetterTargetArn": dead_letters.attr_arn, "maxReceiveCount": MOST_RECEIVED},
    )
    bucket = f"arn:{stack.partition}:s3:::{settings.bucket}"
    rules = f"arn:{stack.partition}:events:{stack.region}:{stack.account}:rule/*"
    own = {"StringEquals": {"aws:SourceAccount": stack.account}}
    by_s3 = _allow(
        "SentByTheBucket", "s3", "sqs:SendMessage", queue.attr_arn, {"ArnEquals": {"aws:SourceArn": bucket}} | own
    )
    by_rules = [
        _allow("SentByRules", "events", "sqs:SendMessage", target.attr_arn, {"ArnLike": {"aws:SourceArn": rules}} | own)
        for target in (queue, dead_letters)
    ]
    sqs.CfnQueuePolicy(
        stack,
        "QueuePolicy",
        queues=[queue.ref],
        policy_document=iam.PolicyDocument(statements=[by_s3, by_rules[0], _tls_only("sqs:*", queue.attr_arn)]),
    )
    sqs.CfnQueuePolicy(
        stack,
        "DeadLetterQueuePolicy",
        queues=[dead_letters.ref],
        policy_document=iam.PolicyDocument(statements=[by_rules[1], _tls_only("sqs:*", dead_letters.attr_arn)]),
    )
    return queue


def _bucket(
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
    _keep(bucket)
    arn = bucket.attr_arn
    s3.CfnBucketPolicy(
        stack,
        "BucketPolicy",
        bucket=bucket.ref,
        policy_document=iam.PolicyDocument(statements=[_tls_only("s3:*", arn, f"{arn}/*")]),
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
        rule("old-versions-of-the-lease", f"{settings.control_prefix}{LEASE}", **old_versions(1)),
        # Copies of files for Spark, deleted when the batch is closed: a batch that stays open needs them for as long as
        # it does.
        rule("old-versions-of-staging", f"{settings.control_prefix}{STAGING}", **old_versions(1)),
        *(
            rule(f"scratch-{folder.rstrip('/')}", f"{settings.control_prefix}{folder}", **scratch)
            for folder in (ATHENA, PIPES, GLUE_TEMP)
        ),
    ]


def _topic(stack: cdk.Stack, settings: Settings, key: kms.CfnKey, deployment: Deployment) -> sns.CfnTopic:
    """Who is told how batches went; alarms publish here too."""
    topic = sns.CfnTopic(stack, "Topic", topic_name=settings.topic, kms_master_key_id=key.attr_arn)
    own = {"StringEquals": {"aws:SourceAccount": stack.account}}
    statements = [
        _allow("PublishedByAlarms", "cloudwatch", "sns:Publish", topic.ref, own),
        _tls_only("sns:Publish", topic.ref),
    ]
    if deployment.subscribers:
        principals = [
            iam.ArnPrincipal(who) if who.startswith("arn:") else iam.AccountPrincipal(who)
            for who in deployment.subscribers
        ]
        statements.append(
            iam.PolicyStatement(
                sid="MaySubscribe", principals=[*principals], actions=["sns:Subscribe"], resources=[topic.ref]
            )
        )
    sns.CfnTopicPolicy(
        stack, "TopicPolicy", topics=[topic.ref], policy_document=iam.PolicyDocument(statements=statements)
    )
    for number, email in enumerate(deployment.emails, 1):
        sns.CfnSubscription(stack, f"Email{number}", topic_arn=topic.ref, protocol="email", endpoint=email)
    return topic


def _workgroup(
    stack: cdk.Stack, settings: Settings, key: kms.CfnKey, database: glue.CfnDatabase, deployment: Deployment
) -> None:
    """What every query is held to: the limit on what it reads, and where its results lie, encrypted. With the analysts'
    queries by name.
    """
    workgroup = athena.CfnWorkGroup(
        stack,
        "Workgroup",
        name=settings.workgroup,
        description="Queries of the lakehouse.",
        recursive_delete_option=True,
        work_group_configuration={
            "enforceWorkGroupConfiguration": True,
            "publishCloudWatchMetricsEnabled": True,
            "bytesScannedCutoffPerQuery": deployment.scan_limit_gb * GIGABYTE,
            "resultConfiguration": {
                "outputLocation": f"s3://{settings.bucket}/{settings.control_prefix}{ATHENA}",
                "encryptionConfiguration": {"encryptionOption": "SSE_KMS", "kmsKey": key.attr_arn},
            },
        },
    )
    for name in named_queries():
        query = athena.CfnNamedQuery(
            stack,
            f"Query{name.title().replace('_', '')}",
            name=name,
            database=settings.database,
            work_group=settings.workgroup,
            description=_said(statement_of(name)),
            query_string=statement_of(name),
        )
        query.add_resource_dependency(workgroup)
        query.add_resource_dependency(database)


def _said(statement: str) -> str:
    """What a query answers, as its first line says."""
    return statement.splitlines()[0].removeprefix("-- README: ").partition(" Run it with:")[0]


def _allow(sid: str, service: str, action: str, resource: str, conditions: dict[str, Any]) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid,
        principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
        actions=[action],
        resources=[resource],
        conditions=conditions,
    )


def _tls_only(action: str, *resources: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid="OnlyOverTls",
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=[action],
        resources=[*resources],
        conditions={"Bool": {"aws:SecureTransport": "false"}},
    )


def _keep(resource: cdk.CfnResource) -> None:
    """Deleting the stack does not delete it."""
    resource.cfn_options.deletion_policy = resource.cfn_options.update_replace_policy = cdk.CfnDeletionPolicy.RETAIN
