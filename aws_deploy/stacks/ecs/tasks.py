"""The task definitions: one container for each of Dagster's processes, all of one image. The server's
`compose.yaml` has the same processes.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_ecs as ecs

from aws_deploy.ecs_names import CODE, CODE_PORT, DAEMON, UI_PORT, WEBSERVER
from aws_deploy.stacks.ecs.database import Database
from aws_deploy.stacks.ecs.frame import Frame
from aws_deploy.stacks.ecs.roles import Roles
from lakehouse_assets.landing.zone import DAGSTER
from lakehouse_assets.server.ecs import ENVIRONMENT, LOGS, RUN_CONTAINER, RUN_TASK

ENTRY_POINT = ["python", "-m", "lakehouse_assets.server.ecs"]
WORKSPACE = "/srv/lakehouse/ecs/dagster/workspace.yaml"
THIS_TASK = "127.0.0.1"
SIZES = {WEBSERVER: ("512", "1024"), DAEMON: ("512", "1024"), CODE: ("512", "2048")}
"""CPU units (1024 are a core) and MB of a task, where each run is a task of its own. A run's task has the settings'."""
SECONDS_TO_STOP = 120
"""The longest that Fargate waits between SIGTERM and SIGKILL."""
ANSWERS = (
    "import urllib.request as r; r.urlopen(r.Request('http://127.0.0.1:3000/server_info',"
    " headers={'Host': '127.0.0.1:3000'}), timeout=10)"
)
COMPUTE_LOGS = f"{DAGSTER}compute-logs"

Container = dict[str, Any]


class Containers:
    """Makes the containers of the task definitions. `code_host`: where the webserver and the daemon find the code
    server. `behind_a_balancer`: the webserver also answers to a load balancer, not only to its own task.
    """

    def __init__(self, frame: Frame, database: Database, code_host: str, behind_a_balancer: bool) -> None:
        self._frame, self._database, self._code_host = frame, database, code_host
        self._ui_host = "0.0.0.0" if behind_a_balancer else THIS_TASK  # noqa: S104 - its group admits the balancer only

    def webserver(self, run_task: str | None) -> Container:
        command = ["python", "-m", "lakehouse_assets.local.webserver", "webserver", f"--workspace={WORKSPACE}"]
        return self._container(
            WEBSERVER,
            [*command, f"--host={self._ui_host}", f"--port={UI_PORT}"],
            run_task,
            health=(["python", "-c", ANSWERS], 30),
            port=UI_PORT,
        )

    def daemon(self, run_task: str | None) -> Container:
        return self._container(
            DAEMON,
            ["dagster-daemon", "run", "--workspace", WORKSPACE],
            run_task,
            health=([*ENTRY_POINT, "dagster-daemon", "liveness-check"], 120),
        )

    def code(self, run_task: str | None) -> Container:
        host = THIS_TASK if self._frame.small else "0.0.0.0"  # noqa: S104 - its group admits the other tasks only
        return self._container(
            CODE,
            ["python", "-m", "lakehouse_assets.server.code_server", "--host", host],
            run_task,
            health=(["dagster", "api", "grpc-health-check", "--port", str(CODE_PORT)], 60),
            port=CODE_PORT,
        )

    def run(self) -> Container:
        """The launcher overrides the command by that of a run."""
        return self._container(RUN_CONTAINER, ["dagster", "--version"], None)

    def _container(
        self,
        name: str,
        command: list[str],
        run_task: str | None,
        health: tuple[list[str], int] | None = None,
        port: int | None = None,
    ) -> Container:
        frame = self._frame
        variables = {
            ENVIRONMENT: frame.environment,
            "AWS_REGION": frame.stack.region,
            "AWS_DEFAULT_REGION": frame.stack.region,
            "DAGSTER_GRPC_HOST": self._code_host,
            "DAGSTER_GRPC_PORT": str(CODE_PORT),
            "DAGSTER_POSTGRES_HOST": self._database.host,
            LOGS: f"{frame.control}{COMPUTE_LOGS}",
        } | ({RUN_TASK: run_task} if run_task else {})
        made: Container = {
            "name": name,
            "image": frame.image,
            "essential": True,
            "entryPoint": ENTRY_POINT,
            "command": command,
            "environment": [{"name": key, "value": value} for key, value in variables.items()],
            "secrets": [{"name": "DAGSTER_POSTGRES_PASSWORD", "valueFrom": self._database.password}],
            "linuxParameters": {"initProcessEnabled": True},
            "stopTimeout": SECONDS_TO_STOP,
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": frame.log_group,
                    "awslogs-region": frame.stack.region,
                    "awslogs-stream-prefix": name,
                },
            },
        }
        if health:
            # Two of them import Dagster, which takes 2 seconds of a core. But a service has begun only after the first.
            check, interval = health
            made["healthCheck"] = {
                "command": ["CMD", *check],
                "interval": interval,
                "timeout": 30,
                "retries": 3,
                "startPeriod": 300,
            }
        if port:
            made["portMappings"] = [{"containerPort": port, "protocol": "tcp"}]
        return made


def task_definition(
    frame: Frame, name: str, containers: list[Container], role: str, roles: Roles, size: tuple[str, str] | None = None
) -> ecs.CfnTaskDefinition:
    """`size`: CPU and memory; None: those of the settings, with the settings' disk."""
    cpu, memory = size or (frame.cpu, frame.memory)
    return ecs.CfnTaskDefinition(
        frame.stack,
        f"{name.title()}Task",
        family=frame.named(name),
        requires_compatibilities=["FARGATE"],
        network_mode="awsvpc",
        runtime_platform={"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
        cpu=cpu,
        memory=memory,
        ephemeral_storage=None if size else {"sizeInGiB": frame.disk_gb},
        execution_role_arn=roles.execution,
        task_role_arn=role,
        container_definitions=containers,
    )


def all_in_one(containers: Containers) -> list[Container]:
    """The containers of the one task: the webserver and the daemon begin when the code server answers."""
    after = [{"containerName": CODE, "condition": "HEALTHY"}]
    return [
        containers.code(None),
        {**containers.daemon(None), "dependsOn": after},
        {**containers.webserver(None), "dependsOn": after},
    ]
