"""The state machine with its permissions, its triggers, and the rule for executions that ended without a report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_stepfunctions as stepfunctions

from aws_deploy.presets import EVENTBRIDGE
from aws_deploy.stacks.access import allow, objects, queries, runs_jobs, tells
from aws_deploy.stacks.functions import log_group
from aws_deploy.stacks.names import output
from aws_deploy.stacks.site import Site, camel
from aws_deploy.stacks.storage import SECONDS_OF_MESSAGES
from aws_deploy.state_machine.definition import definition
from aws_deploy.state_machine.tasks import Names
from lakehouse_assets.landing.zone import ATHENA

MOST_MESSAGES = 1000
"""A call of the Lambda takes up to this many messages, or those of SECONDS_OF_MESSAGES, so many events cause few calls.
"""
CALLS_AT_ONCE = 2
"""The smallest MaximumConcurrency that Lambda accepts for a queue."""
HOURS_OF_A_WAKE_UP = 1
LANDING_SUFFIXES = (".csv", ".CSV", ".xlsx", ".XLSX")


def state_machine(site: Site, functions: Mapping[str, lambda_.CfnFunction]) -> stepfunctions.CfnStateMachine:
    """Creates the state machine. `functions`: by role. The definition has placeholders, so that it is the same for
    every account and bucket.
    """
    called = {role: function.attr_arn for role, function in functions.items()}
    values = {
        **{f"{camel(role)}Function": arn for role, arn in called.items()},
        **{f"{camel(dataset)}Job": name for dataset, name in site.load_jobs.items()},
        "Topic": site.topic,
        "Database": site.settings.database,
        "Workgroup": site.settings.workgroup,
        "Results": f"s3://{site.settings.bucket}/{site.settings.control_prefix}{ATHENA}",
    }
    names = Names(
        functions={role: f"${{{camel(role)}Function}}" for role in called},
        load_jobs={dataset: f"${{{camel(dataset)}Job}}" for dataset in site.contracts},
        crawlers=site.crawlers,
        topic="${Topic}",
        database="${Database}",
        workgroup="${Workgroup}",
        results="${Results}",
        step_jobs=site.preset.step_jobs,
    )
    log = log_group(site, "MachineLog", f"/aws/vendedlogs/states/{site.preset.state_machine}")
    machine = stepfunctions.CfnStateMachine(
        site.stack,
        "StateMachine",
        state_machine_name=site.preset.state_machine,
        role_arn=site.role(
            "Machine", "states", _may_call(site, list(called.values())), f"State machine {site.preset.state_machine}"
        ),
        definition_string=json.dumps(definition(site.contracts, names), indent=1),
        definition_substitutions=values,
        logging_configuration={
            "level": "ALL",
            "includeExecutionData": False,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": log.attr_arn}}],
        },
        tracing_configuration={"enabled": True},
    )
    output(site.stack, "StateMachineArn", machine.ref, "The state machine")
    return machine


def _may_call(site: Site, functions: list[str]) -> list[iam.PolicyStatement]:
    crawlers = [site.arn("glue", f"crawler/{name}") for name in site.crawlers.values()]
    results = f"{site.settings.control_prefix}{ATHENA}*"
    delivery = [
        "logs:CreateLogDelivery",
        "logs:GetLogDelivery",
        "logs:UpdateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:ListLogDeliveries",
    ]
    delivery += ["logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"]
    traces = ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"]
    return [
        allow("CallsLambdas", ["lambda:InvokeFunction"], *functions),
        *runs_jobs(site),
        allow("RunsCrawlers", ["glue:StartCrawler", "glue:GetCrawler"], *crawlers),
        *queries(site),
        *objects(site, reads=[f"{site.settings.tables_prefix}*", results], writes=[results]),
        *tells(site),
        allow("DeliversItsLog", delivery, "*"),
        allow("Traces", traces, "*"),
    ]


def triggers(site: Site, functions: Mapping[str, lambda_.CfnFunction]) -> None:
    """Creates the triggers of a batch: the queue, the schedule for lost events, and the rule for executions that ended
    without a report.
    """
    availability = functions["availability"]
    if site.preset.trigger == EVENTBRIDGE:
        _by_eventbridge(site)
    _by_queue(site, availability)
    _by_clock(site, availability)
    _stopped(site, functions["failure"])


def _by_queue(site: Site, function: lambda_.CfnFunction) -> None:
    """The queue calls the Lambda, unless the orchestrator is Dagster: then Dagster's sensor reads the queue."""
    lambda_.CfnEventSourceMapping(
        site.stack,
        "FilesLanded",
        function_name=function.ref,
        event_source_arn=site.queue,
        enabled=cdk.Fn.condition_if(site.starts_machine.logical_id, True, False),
        batch_size=MOST_MESSAGES,
        maximum_batching_window_in_seconds=SECONDS_OF_MESSAGES,
        scaling_config={"maximumConcurrency": CALLS_AT_ONCE},
        function_response_types=["ReportBatchItemFailures"],
    )


def _by_eventbridge(site: Site) -> None:
    """S3 notifies EventBridge, and a rule sends the events to the queue. If the rule called the Lambda, there would be
    one call for each file.
    """
    landed = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [site.settings.bucket]},
            "object": {
                "key": [{"wildcard": f"{site.settings.uploads_prefix}*{suffix}"} for suffix in LANDING_SUFFIXES]
            },
        },
    }
    _rule(site, "UploadsLanded", landed, site.queue, "Sends S3's events of new files to the queue.")


def _stopped(site: Site, function: lambda_.CfnFunction) -> None:
    ended = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ["FAILED", "TIMED_OUT", "ABORTED"], "stateMachineArn": [site.machine]},
    }
    # A failed execution has already reported its failure, unless no Catch handles the error (States.Runtime,
    # States.DataLimitExceeded).
    rule = _rule(
        site,
        "ExecutionStopped",
        ended,
        function.attr_arn,
        "Calls the Lambda that records the failure of an execution that ended without doing so itself.",
    )
    lambda_.CfnPermission(
        site.stack,
        "ExecutionStoppedCalls",
        action="lambda:InvokeFunction",
        function_name=function.ref,
        principal="events.amazonaws.com",
        source_arn=rule.attr_arn,
    )


def _rule(site: Site, name: str, pattern: dict[str, Any], target: str, description: str) -> events.CfnRule:
    return events.CfnRule(
        site.stack,
        name,
        description=description,
        event_pattern=pattern,
        state="ENABLED",
        targets=[
            {
                "id": "Target",
                "arn": target,
                "deadLetterConfig": {"arn": site.dead_letters},
                "retryPolicy": {"maximumEventAgeInSeconds": HOURS_OF_A_WAKE_UP * 3600, "maximumRetryAttempts": 20},
            }
        ],
    )


def _by_clock(site: Site, function: lambda_.CfnFunction) -> None:
    role = site.role(
        "Listing",
        "scheduler",
        [allow("CallsIt", ["lambda:InvokeFunction"], function.attr_arn)],
        "Schedule that lists the bucket for files whose event was lost",
    )
    scheduler.CfnSchedule(
        site.stack,
        "Listing",
        description="Lists the bucket for files whose event was lost.",
        schedule_expression=f"rate({site.deployment.listing_minutes} minutes)",
        flexible_time_window={"mode": "OFF"},
        state=site.if_started("ENABLED", "DISABLED"),
        target={
            "arn": function.attr_arn,
            "roleArn": role,
            "input": json.dumps({"listing": True}),
            "retryPolicy": {"maximumRetryAttempts": 2},
        },
    )
