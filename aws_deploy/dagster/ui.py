"""`make ui`: forwards a port of this machine to Dagster's webserver, which has no public address, by a session of
Systems Manager. Who may open one is decided by IAM (`ssm:StartSession`), and each is in CloudTrail.
"""

from __future__ import annotations

import json
import shutil
import subprocess

from aws_deploy.ecs_names import ALL, UI_PORT, WEBSERVER
from aws_deploy.presets import Preset
from aws_deploy.smoke import NotWorking
from lakehouse_assets.aws.client import Aws, failures_named
from lakehouse_assets.aws.stacks import outputs_of
from lakehouse_assets.errors import BadConfiguration

PROGRAMS = {
    "aws": "AWS's command line",
    "session-manager-plugin": "the Session Manager plugin for AWS's command line",
}
DOCUMENT = "AWS-StartPortForwardingSession"


def forward(preset: Preset, aws: Aws, port: int) -> int:
    """Forwards until Ctrl-C. Returns the exit code of AWS's command line. Raises BadConfiguration if a program is
    missing, NotWorking if there is no webserver to forward to.
    """
    if missing := [named for program, named in PROGRAMS.items() if shutil.which(program) is None]:
        raise BadConfiguration(
            f"Install {' and '.join(missing)} first: the port is forwarded by a session of AWS Systems Manager."
        )
    command = session(target_of(preset, aws), port, aws.client("ecs").meta.region_name)
    print(f"Dagster's user interface is at http://127.0.0.1:{port} until you press Ctrl-C.")
    return subprocess.run(command, check=False).returncode


def session(target: str, port: int, region: str) -> list[str]:
    """The command that forwards the port."""
    ports = {"portNumber": [str(UI_PORT)], "localPortNumber": [str(port)]}
    where = ["--target", target, "--document-name", DOCUMENT, "--parameters", json.dumps(ports), "--region", region]
    return ["aws", "ssm", "start-session", *where]


def target_of(preset: Preset, aws: Aws) -> str:
    """How Systems Manager names the webserver's container."""
    outputs = outputs_of(aws.client("cloudformation"), preset.dagster_stack)
    if not outputs:  # None, or empty if its creation failed
        raise NotWorking(
            f"There is no stack {preset.dagster_stack}. Run `make deploy` with DEPLOY_ORCHESTRATOR=dagster first."
        )
    cluster, ecs = outputs["ClusterName"], aws.client("ecs")
    with failures_named("Looking for Dagster's webserver"):
        services = {arn.rpartition("/")[2] for arn in ecs.list_services(cluster=cluster)["serviceArns"]}
        service = WEBSERVER if WEBSERVER in services else ALL
        tasks = ecs.list_tasks(cluster=cluster, serviceName=service, desiredStatus="RUNNING")["taskArns"]
        found = ecs.describe_tasks(cluster=cluster, tasks=tasks)["tasks"] if tasks else []
    for task in found:
        for container in task["containers"]:
            if container["name"] == WEBSERVER and container.get("lastStatus") == "RUNNING":
                return f"ecs:{cluster}_{task['taskArn'].rpartition('/')[2]}_{container['runtimeId']}"
    raise NotWorking(
        f"Service {service} of cluster {cluster} has no running webserver. Its events and the log group"
        f" {outputs['LogGroup']} have the reason."
    )
