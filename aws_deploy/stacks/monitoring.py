"""Alarms, which publish to the topic, and a dashboard for the whole lakehouse."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch

from aws_deploy.stacks.site import Site, camel

MINUTES = 5
MINUTES_OF_A_DAY = 1440
"""The longest period of an alarm that CloudWatch accepts."""
RAISE_ON_PURPOSE = ("lease", "diagnose", "failure")
"""Roles whose errors are results for the state machine: the lakehouse is busy, a Glue run failed permanently, the batch
failed. The state machine has alarms of its own.
"""
OWN_METRICS = "Lakehouse"
WAITING = "OldestFileWaiting"
"""Age of the oldest pending file in seconds. The availability Lambda writes it each time it lists the bucket."""

Metric = list[Any]


def monitoring(site: Site) -> None:
    """Creates the alarms and the dashboard. Each alarm has one metric, so that its name says which Lambda or which
    outcome; CloudWatch charges per metric, so a combined alarm would cost the same.
    """
    alarms = [
        _alarm(
            site,
            "DeadLettersThere",
            "The dead-letter queue has messages that could not be processed. docs/troubleshooting.md: a message in the"
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
            "Files have waited too long for a batch. docs/troubleshooting.md: files wait and no batch starts.",
            (OWN_METRICS, WAITING, {"StateMachine": site.preset.state_machine}, "Maximum"),
            above=site.deployment.waiting_minutes * 60,
            # The metric is written at each listing, which is not exact to the second: a period of one interval can be
            # empty, and missing data is not an alarm.
            minutes=min(max(MINUTES, 2 * site.deployment.listing_minutes), MINUTES_OF_A_DAY),
        ),
        _alarm(
            site,
            "EventsWaitTooLong",
            "Events of new files are not processed: the availability Lambda is not called, or Dagster's daemon does not"
            " run.",
            # SQS measures it, so the alarm works even if no component of the lakehouse runs, and for both
            # orchestrators: with Dagster, the availability Lambda does not list the bucket.
            ("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": site.settings.queue}, "Maximum"),
            above=site.deployment.waiting_minutes * 60,
        ),
        *(
            _alarm(
                site,
                f"Machine{end}",
                f"An execution of the state machine ended as {end}. The message on the topic has the reason; a redrive"
                " resumes the batch.",
                ("AWS/States", f"Executions{end}", {"StateMachineArn": site.machine}, "Sum"),
            )
            for end in ("Failed", "TimedOut", "Aborted")
        ),
        *(
            _alarm(
                site,
                f"{camel(role)}Errors",
                f"Lambda {name} raised an error. Its log has the reason; errors that an outage caused were retried.",
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
    """An alarm while a metric is above `above`. Missing data is not an alarm: an idle pipeline writes no metrics."""
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
        "Duration of a batch (ms)": duration,
        "Age of the oldest pending file (s)": waiting,
        "Messages in the queues": queues,
        "Lambdas: errors, throttles": lambdas,
        "Lambdas: longest call (ms)": times,
        "Glue: duration of a run (ms)": glue,
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
    # Dashboards belong to the account, not to a region, so the name includes the region.
    name = f"{camel(site.preset.name)}-{region}"
    cloudwatch.CfnDashboard(
        site.stack, "Dashboard", dashboard_name=name, dashboard_body=site.stack.to_json_string({"widgets": widgets})
    )
