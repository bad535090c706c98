"""Alarms on Dagster, which publish to the lakehouse's topic. A daemon that is dead cannot report that itself. The alarm
`EventsWaitTooLong` of the pipeline stack watches the queue's oldest message, whoever should take it.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs

from aws_deploy.ecs_names import HEARTBEAT
from aws_deploy.stacks.ecs.frame import Frame

MINUTES, PERIODS = 5, 3
LEAST_BYTES = 2_000_000_000
METRIC = "DaemonHeartbeats"


def alarms(frame: Frame, log: logs.CfnLogGroup, daemon: cdk.CfnResource, database: str) -> None:
    """`daemon`: the service in which the daemon runs; `database`: the database's name."""
    namespace = f"Lakehouse/{frame.name}"
    # A count of running tasks would not do: a task that starts again and again always runs.
    logs.CfnMetricFilter(
        frame.stack,
        "Heartbeats",
        log_group_name=log.ref,
        filter_pattern=f'"{HEARTBEAT}"',
        metric_transformations=[{"metricNamespace": namespace, "metricName": METRIC, "metricValue": "1"}],
    )
    silent = cloudwatch.CfnAlarm(
        frame.stack,
        "DaemonSilent",
        alarm_description=(
            f"Dagster's daemon has evaluated no sensor for {MINUTES * PERIODS} minutes: no batch starts."
            " docs/troubleshooting.md: Dagster on ECS does not run."
        ),
        namespace=namespace,
        metric_name=METRIC,
        statistic="Sum",
        period=MINUTES * 60,
        evaluation_periods=PERIODS,
        comparison_operator="LessThanThreshold",
        threshold=1,
        treat_missing_data="breaching",
        alarm_actions=[frame.topic],
        ok_actions=[frame.topic],
    )
    # Not before its first heartbeat: otherwise the first deployment would raise the alarm.
    silent.add_resource_dependency(daemon)
    cloudwatch.CfnAlarm(
        frame.stack,
        "DatabaseFull",
        alarm_description=(
            "Dagster's database has less than 2 GB left, and its storage did not grow. docs/troubleshooting.md: Dagster"
            " on ECS does not run."
        ),
        namespace="AWS/RDS",
        metric_name="FreeStorageSpace",
        statistic="Minimum",
        dimensions=[{"name": "DBInstanceIdentifier", "value": database}],
        period=MINUTES * 60,
        evaluation_periods=PERIODS,
        comparison_operator="LessThanThreshold",
        threshold=LEAST_BYTES,
        treat_missing_data="notBreaching",
        alarm_actions=[frame.topic],
        ok_actions=[frame.topic],
    )
