"""What the storage template says that cannot be seen on the embedded AWS: encryption, who may talk to it, what the
clock deletes, what outlives the stack.
"""

from __future__ import annotations

import pytest

from aws_deploy.synth import TEMPLATES
from lakehouse_assets.aws.stacks import MOST_BYTES_IN_A_CALL
from lakehouse_assets.catalog.queries import named_queries, statement_of
from lakehouse_assets_tests.aws_deploy.templates import BOTH, Template, kept


@pytest.fixture(params=BOTH)
def storage(request: pytest.FixtureRequest) -> Template:
    return kept(request.param, "storage")


def test_the_bucket_is_versioned_encrypted_with_the_lakehouses_key_and_never_public(storage: Template) -> None:
    bucket = storage["Bucket"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {
        "BucketKeyEnabled": True,
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "<Key.Arn>"},
    }
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert storage["Key"]["EnableKeyRotation"] is True


@pytest.mark.parametrize(
    ("policy", "resources"),
    [
        ("BucketPolicy", ["<Bucket.Arn>", "<Bucket.Arn>/*"]),
        ("QueuePolicy", "<Queue.Arn>"),
        ("DeadLetterQueuePolicy", "<DeadLetterQueue.Arn>"),
        ("TopicPolicy", "<Topic>"),
    ],
)
def test_nothing_is_answered_without_tls(storage: Template, policy: str, resources: str | list[str]) -> None:
    [denied] = [
        statement for statement in storage[policy]["PolicyDocument"]["Statement"] if statement["Effect"] == "Deny"
    ]
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denied["Principal"] in ({"AWS": "*"}, "*")
    assert denied["Resource"] == resources


def test_whoever_sends_to_the_queue_or_the_topic_does_it_for_this_account(storage: Template) -> None:
    for policy in ("QueuePolicy", "DeadLetterQueuePolicy", "TopicPolicy"):
        for statement in storage[policy]["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == "<AWS::AccountId>"
                assert list(statement["Principal"]) == ["Service"]


def test_the_queue_may_be_written_to_before_the_bucket_is_told_of_it() -> None:
    """S3 refuses a notification to a queue that it may not send to yet."""
    assert "QueuePolicy" in kept("ecommerce", "storage").whole["Resources"]["Bucket"]["DependsOn"]


def test_csv_files_under_raw_and_workbooks_under_uploads_tell_the_queue() -> None:
    told = set()
    for configuration in kept("ecommerce", "storage")["Bucket"]["NotificationConfiguration"]["QueueConfigurations"]:
        assert configuration["Event"] == "s3:ObjectCreated:*"
        assert configuration["Queue"] == "<Queue.Arn>"
        rules = {rule["Name"]: rule["Value"] for rule in configuration["Filter"]["S3Key"]["Rules"]}
        told.add((rules["prefix"], rules["suffix"]))
    assert {
        ("<RawPrefix>", ".csv"),
        ("<RawPrefix>", ".csv.gz"),
        ("<UploadsPrefix>", ".xlsx"),
        ("<UploadsPrefix>", ".csv"),
    } <= told


def test_no_two_filters_overlap_because_s3_refuses_that() -> None:
    configurations = kept("ecommerce", "storage")["Bucket"]["NotificationConfiguration"]["QueueConfigurations"]
    filters = [
        tuple(rule["Value"] for rule in configuration["Filter"]["S3Key"]["Rules"]) for configuration in configurations
    ]
    for prefix, suffix in filters:
        assert [other for other in filters if other[0] == prefix and other[1].endswith(suffix)] == [(prefix, suffix)]


def test_the_other_presets_bucket_tells_eventbridge() -> None:
    assert kept("ecom_lakehouse", "storage")["Bucket"]["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }


def test_a_message_that_nobody_can_read_ends_in_the_dead_letter_queue_and_is_kept_for_two_weeks(
    storage: Template,
) -> None:
    queue, dead_letters = storage["Queue"], storage["DeadLetterQueue"]
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": "<DeadLetterQueue.Arn>", "maxReceiveCount": 5}
    assert dead_letters["MessageRetentionPeriod"] == 14 * 86_400
    assert queue["SqsManagedSseEnabled"] is dead_letters["SqsManagedSseEnabled"] is True


def test_messages_stay_hidden_for_six_times_as_long_as_the_lambda_may_work_on_them(storage: Template) -> None:
    """Less, and a message comes again while it is worked on (AWS: Lambda with SQS). The time that it waits for more
    messages comes on top.
    """
    pipeline = kept(storage.preset.name, "pipeline")
    waits = [
        mapping["MaximumBatchingWindowInSeconds"]
        for mapping in pipeline.of_type("AWS::Lambda::EventSourceMapping").values()
    ]
    assert storage["Queue"]["VisibilityTimeout"] >= 6 * pipeline["AvailabilityFunction"]["Timeout"] + max(
        waits, default=0
    )


def test_the_template_is_short_enough_for_one_call(storage: Template) -> None:
    """A longer one would have to lie in a bucket, and this one makes the bucket."""
    assert len((TEMPLATES / f"{storage.preset.name}-storage.json").read_bytes()) < MOST_BYTES_IN_A_CALL


def test_data_and_key_outlive_the_stack(storage: Template) -> None:
    for name in ("Bucket", "Key"):
        assert storage.whole["Resources"][name]["DeletionPolicy"] == "Retain"
        assert storage.whole["Resources"][name]["UpdateReplacePolicy"] == "Retain"


def rules(storage: Template) -> dict[str, dict[str, object]]:
    return {rule["Id"]: rule for rule in storage["Bucket"]["LifecycleConfiguration"]["Rules"]}


def test_no_rule_deletes_current_objects_but_scratch(storage: Template) -> None:
    expiring = {rule["Prefix"] for rule in rules(storage).values() if "ExpirationInDays" in rule}
    assert expiring == {"<ControlPrefix>athena/", "<ControlPrefix>pipes/", "<ControlPrefix>glue-temp/"}


def test_old_versions_of_files_that_wait_are_kept_for_longer_than_a_gate_holds_them(storage: Template) -> None:
    """A file that was overwritten before it was read is read in both versions: a rule must not take the older one
    away.
    """
    for rule in rules(storage).values():
        if rule.get("Prefix") in ("<RawPrefix>", "<UploadsPrefix>"):
            assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 400}
    assert [rule for rule in rules(storage).values() if "Prefix" not in rule] == [
        rules(storage)["parts-of-uploads-that-were-cut-short"]
    ]


def test_old_versions_go_after_a_month_and_uploads_that_were_cut_short_after_three_days(storage: Template) -> None:
    found = rules(storage)
    for name in ("old-versions-of-tables", "old-versions-of-rejects", "old-versions-of-control", "archive"):
        assert found[name]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert found["parts-of-uploads-that-were-cut-short"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 3}
    assert found["archive"]["Transitions"] == [
        {"StorageClass": "STANDARD_IA", "TransitionInDays": 30},
        {"StorageClass": "GLACIER_IR", "TransitionInDays": 180},
    ]


def test_what_is_written_again_and_again_leaves_no_month_of_versions(storage: Template) -> None:
    """The lease is renewed every ten seconds; copies for Spark are as big as what landed. Neither goes while it is the
    current version.
    """
    found = rules(storage)
    for name, prefix in (("old-versions-of-the-lease", "lease.json"), ("old-versions-of-staging", "staging/")):
        assert found[name]["Prefix"] == f"<ControlPrefix>{prefix}"
        assert found[name]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}


def test_iam_alone_says_who_may_use_the_tables(storage: Template) -> None:
    """Whatever the account's Lake Formation gives new tables by default."""
    [given] = storage["Database"]["DatabaseInput"]["CreateTableDefaultPermissions"]
    assert given == {"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}


def test_a_look_at_the_queue_asks_all_of_its_servers(storage: Template) -> None:
    assert storage["Queue"]["ReceiveMessageWaitTimeSeconds"] == 1


def test_the_marker_of_a_deletion_goes_once_no_version_is_left_behind_it(storage: Template) -> None:
    """S3 keeps such markers for ever otherwise, and each listing of versions reads them. Where current objects expire
    it takes no such rule, and needs none.
    """
    for rule in rules(storage).values():
        if "NoncurrentVersionExpiration" in rule:
            assert rule.get("ExpiredObjectDeleteMarker", False) is ("ExpirationInDays" not in rule), rule["Id"]


def test_every_query_is_held_to_the_scan_limit_and_its_results_are_encrypted(storage: Template) -> None:
    configuration = storage["Workgroup"]["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == 100_000_000_000
    assert configuration["ResultConfiguration"] == {
        "OutputLocation": "s3://<BucketName>/<ControlPrefix>athena/",
        "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": "<Key.Arn>"},
    }


def test_each_query_of_the_sql_folder_is_a_named_query(storage: Template) -> None:
    queries = {query["Name"]: query for query in storage.of_type("AWS::Athena::NamedQuery").values()}
    assert {name: query["QueryString"] for name, query in queries.items()} == {
        name: statement_of(name) for name in named_queries()
    }
    assert {(query["Database"], query["WorkGroup"]) for query in queries.values()} == {
        ("<DatabaseName>", "<WorkgroupName>")
    }


def test_services_use_the_key_for_this_account_only(storage: Template) -> None:
    services = [
        statement["Principal"]["Service"]
        for statement in storage["Key"]["KeyPolicy"]["Statement"]
        if "Service" in statement["Principal"]
    ]
    assert services == ["cloudwatch.amazonaws.com", "logs.<AWS::Region>.amazonaws.com", "delivery.logs.amazonaws.com"]
    for statement in storage["Key"]["KeyPolicy"]["Statement"]:
        if "Service" in statement["Principal"]:
            assert "<AWS::AccountId>" in str(statement["Condition"])
    assert storage["Topic"]["KmsMasterKeyId"] == "<Key.Arn>"
