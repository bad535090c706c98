"""Who watches: alarms that tell the topic, and a dashboard that shows one lakehouse at a glance."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch

from aws_deploy.stacks.site import Site, camel

MINUTES = 5
MINUTES_OF_A_DAY = 1440
"""The longest period that CloudWatch knows."""
RAISE_ON_PURPOSE = ("lease", "diagnose", "failure")
"""Their errors are answers to the state machine: another works on the lakehouse, a Glue run failed for good, the batch
failed. Its own alarms tell.
"""
OWN_METRICS = "Lakehouse"
WAITING = "OldestFileWaiting"
"""Seconds since the oldest file landed that no batch has taken; the availability Lambda writes it at each look at the
bucket.
"""

Metric = list[Any]


def monitoring(site: Site) -> None:
    """One metric an alarm: it then names the Lambda or the end, and costs the same as one over them all."""
    alarms = [
        _alarm(
            site,
            "DeadLettersThere",
            "Messages that nobody could read lie in the dead-letter queue. docs/troubleshooting.md: a message in the"
            " dead-letter queue.",
            (
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                {"QueueName": f"{site.settings.queue}-dead-letters"},
                "Maximum",
            ),
        ),
        _alarm(
            site,
            "FilesWaitTooLong",
            "Files have waited for a batch longer than is usual. docs/troubleshooting.md: files wait and no batch"
            " starts.",
            (OWN_METRICS, WAITING, {"StateMachine": site.preset.state_machine}, "Maximum"),
            above=site.deployment.waiting_minutes * 60,
            # Measured at each look at the bucket, and those are not to the second: of one interval some periods have
            # none, and no number is no alarm.
            minutes=min(max(MINUTES, 2 * site.deployment.listing_minutes), MINUTES_OF_A_DAY),
        ),
        _alarm(
            site,
            "EventsWaitTooLong",
            "Nobody takes the events of files that landed: the availability Lambda is not called, or Dagster's daemon"
            " is down.",
            # SQS measures it, so it is there when all of ours is dead, and whoever is started by files: where that is
            # Dagster, nobody looks at the bucket.
            ("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": site.settings.queue}, "Maximum"),
            above=site.deployment.waiting_minutes * 60,
        ),
        *(
            _alarm(
                site,
                f"Machine{end}",
                f"An execution ended so: {end}. The topic has the reason; a redrive goes on with the batch.",
                ("AWS/States", f"Executions{end}", {"StateMachineArn": site.machine}, "Sum"),
            )
            for end in ("Failed", "TimedOut", "Aborted")
        ),
        *(
            _alarm(
                site,
                f"{camel(role)}Errors",
                f"Lambda {name} raised. Its log says why; what an outage caused was tried again.",
                ("AWS/Lambda", "Errors", {"FunctionName": name}, "Sum"),
            )
            for role, name in site.preset.functions.items()
            if role not in RAISE_ON_PURPOSE
        ),
    ]
    _dashboard(site, alarms)


def _alarm(
    site: Site,
    name: str,
    description: str,
    metric: tuple[str, str, dict[str, str], str],
    above: int = 0,
    minutes: int = MINUTES,
) -> cloudwatch.CfnAlarm:
    """Alarm while a metric is above a number. Silence is no alarm: a pipeline that has nothing to do measures
    nothing.
    """
    namespace, measured, dimensions, statistic = metric
    return cloudwatch.CfnAlarm(
        site.stack,
        name,
        alarm_description=description,
        namespace=namespace,
        metric_name=measured,
        dimensions=[{"name": key, "value": value} for key, value in dimensions.items()],
        statistic=statistic,
        period=minutes * 60,
        evaluation_periods=1,
        comparison_operator="GreaterThanThreshold",
        threshold=above,
        treat_missing_data="notBreaching",
        alarm_actions=[site.topic],
        ok_actions=[site.topic],
    )


def _dashboard(site: Site, alarms: list[cloudwatch.CfnAlarm]) -> None:
    region, machine, queue = site.stack.region, site.machine, site.settings.queue
    executions = [
        ["AWS/States", f"Executions{what}", "StateMachineArn", machine, {"stat": "Sum"}]
        for what in ("Started", "Succeeded", "Failed", "TimedOut", "Aborted")
    ]
    duration = [["AWS/States", "ExecutionTime", "StateMachineArn", machine, {"stat": "Maximum"}]]
    waiting = [[OWN_METRICS, WAITING, "StateMachine", site.preset.state_machine, {"stat": "Maximum"}]]
    queues: list[Metric] = [
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name, {"stat": "Maximum"}]
        for name in (queue, f"{queue}-dead-letters")
    ]
    lambdas = [
        ["AWS/Lambda", metric, "FunctionName", name, {"stat": "Sum"}]
        for name in site.preset.functions.values()
        for metric in ("Errors", "Throttles")
    ]
    times = [
        ["AWS/Lambda", "Duration", "FunctionName", name, {"stat": "Maximum"}] for name in site.preset.functions.values()
    ]
    glue = [
        [
            "Glue",
            "glue.driver.aggregate.elapsedTime",
            "Type",
            "count",
            "JobRunId",
            "ALL",
            "JobName",
            job,
            {"stat": "Maximum"},
        ]
        for job in site.load_jobs.values()
    ]
    charts = {
        "Batches": executions,
        "How long a batch takes (ms)": duration,
        "Oldest file that waits (s)": waiting,
        "Messages": queues,
        "Lambdas: errors, throttles": lambdas,
        "Lambdas: longest call (ms)": times,
        "Glue: time of a run (ms)": glue,
    }
    status = {
        "type": "alarm",
        "x": 0,
        "y": 0,
        "width": 24,
        "height": 2,
        "properties": {"title": "Alarms", "alarms": [alarm.attr_arn for alarm in alarms]},
    }
    widgets = [status] + [
        {
            "type": "metric",
            "x": 12 * (number % 2),
            "y": 2 + 6 * (number // 2),
            "width": 12,
            "height": 6,
            "properties": {
                "title": title,
                "region": region,
                "view": "timeSeries",
                "period": MINUTES * 60,
                "metrics": metrics,
            },
        }
        for number, (title, metrics) in enumerate(charts.items())
    ]
    # Dashboards are an account's, not a region's: the name says of which region this one is.
    name = f"{camel(site.preset.name)}-{region}"
    cloudwatch.CfnDashboard(
        site.stack, "Dashboard", dashboard_name=name, dashboard_body=site.stack.to_json_string({"widgets": widgets})
    )
