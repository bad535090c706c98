"""`make acceptance` as a whole on the embedded AWS, beside a deployment that is in use. Its Glue jobs run real
Spark.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aws_deploy import packaging
from aws_deploy.acceptance.__main__ import run
from aws_deploy.acceptance.plan import EMBEDDED_ACCOUNT, PATHS, site_of
from aws_deploy.acceptance.report import Report, markdown, write
from aws_deploy.acceptance.trial import Trial
from aws_deploy.embedded import stored_templates
from aws_deploy.packaging import this_machine
from aws_deploy.presets import ACCEPTANCE
from lakehouse_assets.aws.client import Aws
from lakehouse_assets.aws.stacks import bring_up, parameters_of
from lakehouse_assets_tests.aws_deploy.pipelines import Pipeline, deployed
from lakehouse_assets_tests.support import put

pytestmark = [pytest.mark.long, pytest.mark.spark]


@pytest.fixture(scope="module")
def in_use(tmp_path_factory: pytest.TempPathFactory, lambda_zips: dict[str, Path]) -> Iterator[Pipeline]:
    """The deployment of somebody else in the same account."""
    with deployed(tmp_path_factory.mktemp("account"), lambda_zips) as running:
        put(running.house, "archived/years-of-work.csv", "a,b\n1,2\n")
        running.at_rest()
        yield running


def everything_in(aws: Aws) -> dict[str, Any]:
    """What there is in the account, by name."""
    s3, glue = aws.client("s3"), aws.client("glue")
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    databases = [database["Name"] for database in glue.get_databases()["DatabaseList"]]
    log_groups = aws.client("logs").describe_log_groups()["logGroups"]
    return {
        "stacks": {
            stack["StackName"]: (stack["StackStatus"], stack.get("LastUpdatedTime"))
            for stack in aws.client("cloudformation").describe_stacks()["Stacks"]
        },
        "objects": {
            bucket: [(it["Key"], it["VersionId"]) for it in s3.list_object_versions(Bucket=bucket).get("Versions", [])]
            for bucket in buckets
        },
        "functions": {
            function["FunctionName"]: function["RevisionId"]
            for function in aws.client("lambda").list_functions()["Functions"]
        },
        "jobs": sorted(job["Name"] for job in glue.get_jobs()["Jobs"]),
        "crawlers": sorted(crawler["Name"] for crawler in glue.get_crawlers()["Crawlers"]),
        "tables": {
            database: [table["Name"] for table in glue.get_tables(DatabaseName=database)["TableList"]]
            for database in databases
        },
        "queues": aws.client("sqs").list_queues().get("QueueUrls", []),
        "topics": [topic["TopicArn"] for topic in aws.client("sns").list_topics()["Topics"]],
        "workgroups": [group["Name"] for group in aws.client("athena").list_work_groups()["WorkGroups"]],
        "machines": [machine["name"] for machine in aws.client("stepfunctions").list_state_machines()["stateMachines"]],
        "roles": sorted(role["RoleName"] for role in aws.client("iam").list_roles()["Roles"]),
        "log groups": sorted(
            group["logGroupName"]
            for group in log_groups
            if not group["logGroupName"].startswith("/aws/lambda/acceptance-")
        ),
    }


@pytest.fixture(scope="module")
def accepted(
    in_use: Pipeline, lambda_zips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Report, dict[str, Any], dict[str, Any]]:
    """The report, and what there was before and after: an acceptance was killed while it deployed, of which the first
    look knows nothing.
    """
    aws = in_use.house.aws
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(packaging, "build", lambda name, *_: lambda_zips[name])
        # As in an account: the environment says which one, for this process and for those that it starts.
        for name, value in aws.environment.items():
            patched.setenv(name, value)
        before = everything_in(aws)
        left = site_of(Aws(), tmp_path_factory.mktemp("left")).settings
        bring_up(
            aws.client("cloudformation"),
            ACCEPTANCE.storage_stack,
            stored_templates(ACCEPTANCE.name).storage,
            parameters_of(left),
        )
        aws.client("s3").put_object(Bucket=left.bucket, Key="raw/orders/left.csv", Body=b"of the killed one")
        report = run(Aws(), yes=True, keep=False, target=this_machine())
    return report, before, everything_in(aws)


def test_every_path_loads_the_same_rows_and_athena_answers_as_on_this_machine(
    accepted: tuple[Report, dict[str, Any], dict[str, Any]],
) -> None:
    report, _, _ = accepted
    verdicts = {(it.path, it.what): (it.verdict, it.found) for it in report.expectations}
    assert [it for it in report.expectations if it.verdict == "differs"] == []
    assert (report.passed, report.stopped, report.account) == (True, None, EMBEDDED_ACCOUNT)
    for path in PATHS:
        assert verdicts[path.name, "the batch"] == ("as expected", "succeeds")
        verdict, found = verdicts[path.name, "the tables"]
        assert (verdict, found.endswith("rows as by this machine's embedded engine")) == ("as expected", True)
        assert ((path.name, "Athena") in verdicts) == path.new_catalog
    assert [verdicts[path.name, "Glue runs"][1] for path in PATHS if path.engine == "glue"] == ["3", "3"]
    assert [verdicts[path.name, "crawls"][1] for path in PATHS if path.orchestrator == "state_machine"] == ["2", "0"]


def test_what_the_embedded_aws_cannot_tell_is_said_to_be_not_measured(
    accepted: tuple[Report, dict[str, Any], dict[str, Any]],
) -> None:
    report, _, _ = accepted
    not_measured = {(it.path, it.what): it.found for it in report.expectations if it.verdict == "not measured"}
    assert {
        ("state machine, Glue", "start of a Glue run, the longest"),
        ("state machine, Lambda", "the load's Lambda, the longest"),
    } < set(not_measured)
    assert {what for _, what in not_measured} >= {"price", "start of a Lambda, the longest", "a crawl, the longest"}
    assert all(found.startswith("not measured here: the embedded AWS") for found in not_measured.values())
    assert [
        figure
        for it in report.outcomes
        for figure in it.figures.values()
        if figure.value is not None and figure.unit in ("dollars", "DPU s", "GB s")
    ] == []


def test_nothing_is_left_and_what_was_there_is_as_it_was(
    accepted: tuple[Report, dict[str, Any], dict[str, Any]],
) -> None:
    report, before, after = accepted
    assert report.cleaned == "removed"
    for what, names in before.items():
        assert after[what] == names, what


def test_a_bucket_that_a_killed_acceptance_left_without_a_stack_is_removed(in_use: Pipeline, tmp_path: Path) -> None:
    site = site_of(in_use.house.aws, tmp_path)
    s3 = site.aws.client("s3")
    s3.create_bucket(Bucket=site.settings.bucket)
    s3.put_object(Bucket=site.settings.bucket, Key="raw/orders/left.csv", Body=b"of the killed one")
    Trial(site).remove()
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [in_use.house.settings.bucket]


def test_the_reports_two_files_say_the_same_and_hold_no_row(
    accepted: tuple[Report, dict[str, Any], dict[str, Any]], tmp_path: Path
) -> None:
    report, _, _ = accepted
    text, data = write(report, tmp_path)
    told = json.loads(data.read_text("utf-8"))
    assert told["passed"]
    assert [path["path"] for path in told["paths"]] == [path.name for path in PATHS]
    assert len(told["expectations"]) == len(report.expectations)
    assert text.read_text("utf-8") == markdown(report)
    assert "**Everything works.**" in text.read_text("utf-8")
    for value in ("Folding lamp", "Solid atlas", "2025-04-0"):
        assert value not in text.read_text("utf-8") + data.read_text("utf-8")
