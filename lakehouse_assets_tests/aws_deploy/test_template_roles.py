"""Least privilege, as the template says it: the embedded AWS asks no role for anything."""

from __future__ import annotations

import re

import pytest

from aws_deploy.state_machine.tasks import LAMBDAS
from lakehouse_assets.contracts import SHIPPED, read_contracts
from lakehouse_assets_tests.aws_deploy.templates import BOTH, Template, kept

ANYWHERE = {
    "cloudwatch:PutMetricData",
    *(f"logs:{action}LogDelivery" for action in ("Create", "Get", "Update", "Delete")),
    *("logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"),
    *("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"),
}
"""Actions that know no resources (AWS's Service Authorization Reference)."""


@pytest.fixture(params=BOTH)
def pipeline(request: pytest.FixtureRequest) -> Template:
    return kept(request.param, "pipeline")


@pytest.fixture
def ecommerce() -> Template:
    return kept("ecommerce", "pipeline")


def test_every_function_job_crawler_and_machine_has_a_role_that_nobody_else_has(pipeline: Template) -> None:
    used = [
        resource["Properties"].get("Role")
        or resource["Properties"].get("RoleArn")
        or resource["Properties"]["Target"]["RoleArn"]
        for resource in pipeline.whole["Resources"].values()
        if resource["Type"]
        in (
            "AWS::Lambda::Function",
            "AWS::Glue::Job",
            "AWS::Glue::Crawler",
            "AWS::StepFunctions::StateMachine",
            "AWS::Scheduler::Schedule",
        )
    ]
    names = [role["Fn::GetAtt"][0] for role in used]
    assert len(set(names)) == len(names) > len(LAMBDAS)
    assert set(pipeline.of_type("AWS::IAM::Role")) == {*names, "DagsterTaskRole"}


def test_no_role_is_given_what_aws_thinks_it_might_need(pipeline: Template) -> None:
    """No managed policies, no wildcards in actions, no resource `*` but where AWS knows none."""
    for name, role in pipeline.of_type("AWS::IAM::Role").items():
        assert "ManagedPolicyArns" not in role
        for action, resource in pipeline.may(name):
            assert "*" not in action, (name, action)
            assert resource != "*" or action in ANYWHERE, (name, action)


def test_no_role_may_touch_another_bucket_database_queue_or_topic(pipeline: Template) -> None:
    named = {
        "s3": "<BucketName>",
        "glue": "<DatabaseName>|catalog|job/|crawler/|database/default$",
        "sqs": "<QueueName>",
        "sns": "<TopicName>",
        "athena": "<WorkgroupName>|AwsData",
    }
    for name in pipeline.of_type("AWS::IAM::Role"):
        for statement in (
            statement
            for policy in pipeline[name].get("Policies", [])
            for statement in policy["PolicyDocument"]["Statement"]
        ):
            for resource in (
                statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            ):
                service = resource.split(":")[2] if resource.startswith("arn:") else ""
                assert re.search(named.get(service, ""), resource), (name, resource)


def test_the_key_is_used_by_way_of_s3_and_sns_only(pipeline: Template) -> None:
    for name in pipeline.of_type("AWS::IAM::Role"):
        for statement in (
            statement
            for policy in pipeline[name].get("Policies", [])
            for statement in policy["PolicyDocument"]["Statement"]
        ):
            if "kms:Decrypt" in statement["Action"]:
                assert statement["Resource"] == "<KeyArn>"
                [via] = statement["Condition"]["StringEquals"].values()
                assert via in ("s3.<AWS::Region>.amazonaws.com", "sns.<AWS::Region>.amazonaws.com")


def test_only_the_archive_removes_files_that_landed(ecommerce: Template) -> None:
    """And it removes nothing else: where it crashes, the copy is there."""
    removing = {
        role
        for role in ecommerce.of_type("AWS::IAM::Role")
        if {"<RawPrefix>*", "<UploadsPrefix>*"} & ecommerce.keys(role, "s3:DeleteObjectVersion")
    }
    assert removing == {"ArchiveRole", "DagsterTaskRole"}
    assert ecommerce.keys("ArchiveRole", "s3:DeleteObjectVersion") == {"<RawPrefix>*", "<UploadsPrefix>*"}


def test_nobody_removes_from_the_archive_the_ledger_the_manifests_or_the_reports(pipeline: Template) -> None:
    for role in pipeline.of_type("AWS::IAM::Role"):
        for key in pipeline.keys(role, "s3:DeleteObject"):
            assert not key.startswith(
                ("<ArchivePrefix>", "<ControlPrefix>ledger", "<ControlPrefix>manifests", "<ControlPrefix>reports")
            ), role
            assert key not in ("<ControlPrefix>*", "*"), role


def test_a_permission_for_a_folder_is_one_for_all_in_it(pipeline: Template) -> None:
    """A reference to a prefix alone names an object that is not there."""
    for role in pipeline.of_type("AWS::IAM::Role"):
        for action, resource in pipeline.may(role):
            assert not resource.endswith(("Prefix>", "/")), (role, action)


def test_a_crawler_reads_and_writes_its_tables_and_writes_the_catalog(pipeline: Template) -> None:
    """AWS Glue, Crawler prerequisites: "When crawling a Delta Lake data store, you must have Read/Write permissions to
    the Amazon S3 location.\"
    """
    for role, folder in (("TablesCrawlerRole", "<TablesPrefix>"), ("RejectedCrawlerRole", "<RejectedPrefix>")):
        assert f"{folder}*" in pipeline.keys(role, "s3:GetObject")
        assert pipeline.keys(role, "s3:PutObject") == {f"{folder}{dataset}/*" for dataset in read_contracts(SHIPPED)}
        assert not pipeline.keys(role, "s3:DeleteObject")
        assert {
            "glue:CreateTable",
            "glue:UpdateTable",
            "glue:BatchCreatePartition",
            "cloudwatch:PutMetricData",
        } <= dict(pipeline.may(role)).keys()


def test_whoever_asks_athena_may_do_what_its_documentation_calls_mandatory(pipeline: Template) -> None:
    """ "Configure access to databases and tables in the AWS Glue Data Catalog": GetDatabase on `default`, and on no
    more of it; results in parts.
    """
    results = "<ControlPrefix>athena/*"
    for role in ("MachineRole", "DagsterTaskRole"):
        default = {action for action, resource in pipeline.may(role) if resource.endswith(":database/default")}
        assert default == {"glue:GetDatabase"}, role
        assert results in pipeline.keys(role, "s3:ListMultipartUploadParts")
        assert "s3:ListBucketMultipartUploads" in dict(pipeline.may(role))


def test_the_step_that_says_whether_to_crawl_reads_the_catalog_and_writes_none(pipeline: Template) -> None:
    allowed = {action for action, _ in pipeline.may("CountRole") if action.startswith("glue:")}
    assert "glue:GetTable" in allowed
    assert not allowed & {"glue:CreateTable", "glue:UpdateTable", "glue:StartCrawler"}


def test_a_copy_in_parts_may_keep_the_senders_tags(pipeline: Template) -> None:
    """It puts them onto the version that it made."""
    role = "ArchiveRole" if "ArchiveRole" in pipeline.whole["Resources"] else "ArchiveJobRole"
    assert "<ArchivePrefix>*" in pipeline.keys(role, "s3:PutObjectVersionTagging") & pipeline.keys(
        role, "s3:PutObjectTagging"
    )


def test_a_load_writes_its_own_tables_and_reads_its_parents(ecommerce: Template) -> None:
    written = {
        key
        for key in ecommerce.keys("OrderItemsJobRole", "s3:PutObject")
        if "Prefix>order" in key or "Prefix>product" in key
    }
    assert written == {"<TablesPrefix>order_items/*", "<RejectedPrefix>order_items/*"}
    read = ecommerce.keys("OrderItemsJobRole", "s3:GetObject")
    assert {"<TablesPrefix>orders/*", "<TablesPrefix>products/*", "<TablesPrefix>order_items/*"} <= read
    assert "<TablesPrefix>order_items/*" not in ecommerce.keys("OrdersJobRole", "s3:GetObject")


def test_whoever_asks_whether_an_object_is_there_may_list_the_bucket(pipeline: Template) -> None:
    """Otherwise S3 answers 403 in place of 404, and a step takes an absent ledger entry for a missing permission."""
    for role in pipeline.of_type("AWS::IAM::Role"):
        if pipeline.keys(role, "s3:GetObject") - {"arn:<AWS::Partition>:s3:::<BucketName>"}:
            [listing] = [resource for action, resource in pipeline.may(role) if action == "s3:ListBucket"]
            assert listing == "arn:<AWS::Partition>:s3:::<BucketName>"


def test_files_are_copied_with_the_tags_that_their_senders_gave_them(pipeline: Template) -> None:
    """S3 refuses to copy a tagged object for someone who may not read or write tags."""
    archive = "ArchiveRole" if "archive" in pipeline.preset.functions else "ArchiveJobRole"
    assert pipeline.keys(archive, "s3:GetObjectVersionTagging") == {"<RawPrefix>*", "<UploadsPrefix>*"}
    assert pipeline.keys(archive, "s3:PutObjectTagging") == {"<ArchivePrefix>*", "<RejectedPrefix>files/*"}
    assert "<ControlPrefix>staging/*" in pipeline.keys("OrdersJobRole", "s3:PutObjectTagging")


def test_only_the_trigger_takes_messages_and_starts_executions_and_only_the_machine_calls_the_steps(
    pipeline: Template,
) -> None:
    roles = pipeline.of_type("AWS::IAM::Role")
    assert [role for role in roles if "states:StartExecution" in dict(pipeline.may(role))] == ["AvailabilityRole"]
    takers = {
        role: [resource for action, resource in pipeline.may(role) if action == "sqs:ReceiveMessage"] for role in roles
    }
    assert {role for role, taken in takers.items() if taken} == {"AvailabilityRole", "DagsterTaskRole"}
    callers = {
        role: {resource for action, resource in pipeline.may(role) if action == "lambda:InvokeFunction"}
        for role in roles
    }
    assert {role for role, called in callers.items() if called} == {"MachineRole", "ListingRole"}
    assert callers["ListingRole"] == {"<AvailabilityFunction.Arn>"}


def test_every_step_may_ask_whether_the_execution_that_holds_the_lease_still_runs(pipeline: Template) -> None:
    machine = pipeline.preset.state_machine
    for role in pipeline.of_type("AWS::IAM::Role"):
        if "<ControlPrefix>lease.json" in pipeline.keys(role, "s3:GetObject"):
            asked = [resource for action, resource in pipeline.may(role) if action == "states:DescribeExecution"]
            assert asked == [f"arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:{machine}:*"], role


def test_a_rule_may_call_its_lambda_and_no_other_rule_may(pipeline: Template) -> None:
    rules = pipeline.of_type("AWS::Events::Rule")
    called = {
        name: rule["Targets"][0]["Arn"] for name, rule in rules.items() if "Function" in rule["Targets"][0]["Arn"]
    }
    permitted = {
        grant["SourceArn"]: grant["FunctionName"] for grant in pipeline.of_type("AWS::Lambda::Permission").values()
    }
    assert permitted == {f"<{name}.Arn>": target.replace(".Arn", "") for name, target in called.items()}
