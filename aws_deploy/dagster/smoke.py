"""Tests whether Dagster runs on ECS, by calls that change nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from aws_deploy.ecs_names import DAEMON, HEARTBEAT
from aws_deploy.presets import Preset
from aws_deploy.smoke import NotWorking
from lakehouse_assets.aws.client import Aws, failures_named
from lakehouse_assets.aws.stacks import outputs_of

SECONDS_FOR_A_HEARTBEAT = 600
SECONDS_BETWEEN_LOOKS = 10.0


def dagster_runs(preset: Preset, aws: Aws, log: Callable[[str], None]) -> None:
    """Prints a line for each service whose task runs, and one when the daemon has evaluated a sensor: then it reaches
    the code server, the database and AWS. Raises NotWorking at the first that does not work.
    """
    outputs = outputs_of(aws.client("cloudformation"), preset.dagster_stack)
    if not outputs:  # None, or empty if its creation failed
        raise NotWorking(f"There is no stack {preset.dagster_stack}. Run `make deploy` first.")
    began = time.time()
    for service in sorted(
        _services(aws.client("ecs"), outputs["ClusterName"]), key=lambda one: str(one["serviceName"])
    ):
        name, running, wanted = service["serviceName"], service["runningCount"], service["desiredCount"]
        states = {deployment.get("rolloutState", "COMPLETED") for deployment in service["deployments"]}
        if running < wanted or states != {"COMPLETED"}:
            latest = next((event["message"] for event in service.get("events", [])), "none")
            raise NotWorking(
                f"Dagster's service {name} runs {running} of {wanted} tasks ({', '.join(sorted(states))}). Its latest"
                f" event: {latest} The log group {outputs['LogGroup']} has more details."
            )
        log(f"Dagster's {name} runs")
    _await_heartbeat(aws.client("logs"), outputs["LogGroup"], began)
    log("Dagster's daemon evaluates its sensors")


def _services(ecs: Any, cluster: str) -> list[dict[str, Any]]:
    with failures_named("Looking at Dagster's services"):
        arns = ecs.list_services(cluster=cluster)["serviceArns"]
        found = ecs.describe_services(cluster=cluster, services=arns)["services"] if arns else []
    if not found:
        raise NotWorking(f"Cluster {cluster} has no service. Run `make deploy` again.")
    return list(found)


def _await_heartbeat(logs: Any, group: str, began: float) -> None:
    """Waits for a heartbeat of the daemon that is younger than `began` (seconds since 1970)."""
    deadline = time.monotonic() + SECONDS_FOR_A_HEARTBEAT
    asked = {
        "logGroupName": group,
        "logStreamNamePrefix": f"{DAEMON}/",
        "startTime": round(began * 1000),
        "filterPattern": f'"{HEARTBEAT}"',
    }
    while time.monotonic() < deadline:
        with failures_named("Reading the log of Dagster's daemon"):
            # A page can be empty although a later one is not.
            if any(page["events"] for page in logs.get_paginator("filter_log_events").paginate(**asked)):
                return
        time.sleep(SECONDS_BETWEEN_LOOKS)
    raise NotWorking(
        f"Dagster's daemon runs, but has evaluated no sensor in {SECONDS_FOR_A_HEARTBEAT} s. The log group {group} has"
        " its log and that of the code server."
    )
