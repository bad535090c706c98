"""The storage stack: the bucket and its key, the queue and the topic, the Glue database, the Athena workgroup. It holds
the data and outlives any deployment of code.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from aws_deploy.presets import Preset
from aws_deploy.settings import Deployment
from aws_deploy.stacks.access import allow_service, tls_only
from aws_deploy.stacks.bucket import make_bucket, retain
from aws_deploy.stacks.names import named_by_parameters, output
from lakehouse_assets.catalog.queries import named_queries, statement_of
from lakehouse_assets.landing.zone import ATHENA
from lakehouse_assets.settings import Settings

MOST_RECEIVED = 5
"""After this many receives without a delete, SQS moves a message to the dead-letter queue."""
AVAILABILITY_SECONDS = 300
"""The availability Lambda's time-out. It sends S3 one request for each pending file, so a backlog of tens of thousands
of files takes minutes.
"""
SECONDS_OF_MESSAGES = 5
"""How long messages are gathered for one call of the availability Lambda. Each batch begins that much later; a sender
whose files never pause causes a call for every so many seconds, at most $0.50 a day.
"""
SECONDS_INVISIBLE = 6 * AVAILABILITY_SECONDS + SECONDS_OF_MESSAGES
"""The visibility time-out: six times the Lambda's time-out plus the batching window, as AWS recommends, so that no
message is delivered again while it is processed.
"""
SECONDS_OF_A_POLL = 1
"""How long Dagster's sensor waits for messages if the queue is empty."""
DAYS_OF_DEAD_LETTERS = 14
GIGABYTE = 1_000_000_000
IAM_DECIDES = [{"principal": {"dataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "permissions": ["ALL"]}]
"""Lake Formation's default for new tables of the database: IAM alone controls access. In an account whose catalog
settings lack this default, crawlers, Athena and registration would fail with "Insufficient Lake Formation
permission(s)", whatever IAM allows.
"""


class StorageStack(cdk.Stack):
    """`settings`: the defaults of the parameters."""

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
        make_bucket(self, preset, settings, key, queue, deployment)
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
        output(self, "KeyArn", key.attr_arn, "The KMS key of the bucket, the topic and the logs")
        output(self, "QueueUrl", queue.ref, "The URL of the queue for S3's events of new files")
        output(self, "QueueArn", queue.attr_arn, "The ARN of that queue")
        output(self, "TopicArn", topic.ref, "The topic for outcomes of batches and for alarms; subscribe to it")


def _key(stack: cdk.Stack) -> kms.CfnKey:
    """One key for everything that the lakehouse stores. Roles get access by IAM policies; the key policy names only the
    AWS services that write on their own behalf.
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
    retain(key)
    return key


def _queues(stack: cdk.Stack, settings: Settings) -> sqs.CfnQueue:
    """The queue of events, and its dead-letter queue for messages that could not be processed."""
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
        # A long poll queries all of SQS's servers. A short poll queries some, and can miss messages.
        receive_message_wait_time_seconds=SECONDS_OF_A_POLL,
        sqs_managed_sse_enabled=True,
        redrive_policy={"deadLetterTargetArn": dead_letters.attr_arn, "maxReceiveCount": MOST_RECEIVED},
    )
    bucket = f"arn:{stack.partition}:s3:::{settings.bucket}"
    rules = f"arn:{stack.partition}:events:{stack.region}:{stack.account}:rule/*"
    own = {"StringEquals": {"aws:SourceAccount": stack.account}}
    by_s3 = allow_service(
        "SentByTheBucket", "s3", "sqs:SendMessage", queue.attr_arn, {"ArnEquals": {"aws:SourceArn": bucket}} | own
    )
    by_rules = [
        allow_service(
            "SentByRules", "events", "sqs:SendMessage", target.attr_arn, {"ArnLike": {"aws:SourceArn": rules}} | own
        )
        for target in (queue, dead_letters)
    ]
    sqs.CfnQueuePolicy(
        stack,
        "QueuePolicy",
        queues=[queue.ref],
        policy_document=iam.PolicyDocument(statements=[by_s3, by_rules[0], tls_only("sqs:*", queue.attr_arn)]),
    )
    sqs.CfnQueuePolicy(
        stack,
        "DeadLetterQueuePolicy",
        queues=[dead_letters.ref],
        policy_document=iam.PolicyDocument(statements=[by_rules[1], tls_only("sqs:*", dead_letters.attr_arn)]),
    )
    return queue


def _topic(stack: cdk.Stack, settings: Settings, key: kms.CfnKey, deployment: Deployment) -> sns.CfnTopic:
    """The topic for the batches' outcomes and for alarms, with its subscriptions."""
    topic = sns.CfnTopic(stack, "Topic", topic_name=settings.topic, kms_master_key_id=key.attr_arn)
    own = {"StringEquals": {"aws:SourceAccount": stack.account}}
    statements = [
        allow_service("PublishedByAlarms", "cloudwatch", "sns:Publish", topic.ref, own),
        tls_only("sns:Publish", topic.ref),
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
    """The workgroup, which enforces on every query a scan limit and an encrypted location of results; and the saved
    queries.
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
            description=_summary(statement_of(name)),
            query_string=statement_of(name),
        )
        query.add_resource_dependency(workgroup)
        query.add_resource_dependency(database)


def _summary(statement: str) -> str:
    """What a query answers: its first line, a comment."""
    return statement.splitlines()[0].removeprefix("-- README: ").partition(" Run it with:")[0]
