"""The roles of Dagster's tasks. The code server and the runs have the pipeline stack's role of Dagster, which may do
every step of a batch. The webserver and the daemon may touch no file of the lakehouse.
"""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from aws_deploy.ecs_names import RUN
from aws_deploy.stacks.ecs.frame import Frame
from lakehouse_assets.landing.zone import DAGSTER

PULLS = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
FORWARDS = ["CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"]


@dataclass(frozen=True)
class Roles:
    """ARNs. `work`: of the code server and the runs."""

    execution: str
    work: str
    webserver: str
    daemon: str


def roles(frame: Frame, secret: str, cluster: str) -> Roles:
    execution = frame.role(
        "Execution",
        [
            allow("SignsInToEcr", ["ecr:GetAuthorizationToken"], "*"),
            allow("PullsTheImage", PULLS, frame.repository),
            allow("ReadsThePassword", ["secretsmanager:GetSecretValue"], secret),
            allow(
                "WritesTheLogs",
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                frame.arn("logs", f"log-group:{frame.log_group}:*"),
            ),
        ],
        "ECS starts Dagster's tasks with it: image, password, logs",
    ).attr_arn
    if frame.small:
        # The one task has the pipeline's role, which lacks only this.
        iam.CfnPolicy(
            frame.stack,
            "ForwardsTheUi",
            policy_name="ForwardsTheUi",
            roles=[cdk.Fn.select(1, cdk.Fn.split("/", frame.task_role))],
            policy_document=iam.PolicyDocument(statements=[forwards()]),
        )
        return Roles(execution, frame.task_role, frame.task_role, frame.task_role)
    webserver = frame.role(
        "Webserver",
        [*_looks_at_tasks(frame, cluster), *_stops_runs(frame, cluster), *_reads_logs_of_runs(frame), forwards()],
        "Dagster's webserver: stops runs, reads their logs",
    ).attr_arn
    daemon = frame.role(
        "Daemon",
        [
            *_looks_at_tasks(frame, cluster),
            *_stops_runs(frame, cluster),
            *_starts_runs(frame, cluster, [execution, frame.task_role]),
            allow(
                "ReadsTheLastLinesOfADeadRun",
                ["logs:GetLogEvents"],
                frame.arn("logs", f"log-group:{frame.log_group}:*"),
            ),
        ],
        "Dagster's daemon: starts and watches runs",
    ).attr_arn
    return Roles(execution, frame.task_role, webserver, daemon)


def allow(
    sid: str, actions: list[str], *resources: str, conditions: dict[str, dict[str, str]] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=actions, resources=[*resources], conditions=conditions)


def forwards() -> iam.PolicyStatement:
    """A session of Systems Manager into the task, by which `make ui` forwards the port. They know no resources."""
    return allow("ForwardsTheUi", [f"ssmmessages:{action}" for action in FORWARDS], "*")


def _tasks(frame: Frame) -> str:
    return frame.arn("ecs", f"task/{frame.name}/*")


def _looks_at_tasks(frame: Frame, cluster: str) -> list[iam.PolicyStatement]:
    return [
        # The launcher reads the runs' task definition when it begins; the action knows no resources.
        allow("ReadsTaskDefinitions", ["ecs:DescribeTaskDefinition"], "*"),
        allow("LooksAtTasks", ["ecs:DescribeTasks"], _tasks(frame), conditions=_in(cluster)),
    ]


def _stops_runs(frame: Frame, cluster: str) -> list[iam.PolicyStatement]:
    return [allow("StopsRuns", ["ecs:StopTask"], _tasks(frame), conditions=_in(cluster))]


def _starts_runs(frame: Frame, cluster: str, passed: list[str]) -> list[iam.PolicyStatement]:
    family = frame.arn("ecs", f"task-definition/{frame.named(RUN)}:*")
    return [
        allow("StartsRuns", ["ecs:RunTask"], family, conditions=_in(cluster)),
        allow(
            "TagsRunsWithTheirId",
            ["ecs:TagResource"],
            _tasks(frame),
            conditions={"StringEquals": {"ecs:CreateAction": "RunTask"}},
        ),
        allow(
            "GivesRunsTheirRoles",
            ["iam:PassRole"],
            *passed,
            conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
        # A run is started in the daemon's own subnet and security group, which the launcher looks up.
        allow("LooksAtItsOwnNetwork", ["ec2:DescribeNetworkInterfaces"], "*"),
    ]


def _reads_logs_of_runs(frame: Frame) -> list[iam.PolicyStatement]:
    bucket = f"arn:{frame.stack.partition}:s3:::{frame.bucket}"
    return [
        allow("FindsTheLogsOfRuns", ["s3:ListBucket"], bucket),
        allow("ReadsTheLogsOfRuns", ["s3:GetObject"], f"{bucket}/{frame.control}{DAGSTER}*"),
        allow(
            "DecryptsTheLogsOfRuns",
            ["kms:Decrypt"],
            frame.key,
            conditions={"StringEquals": {"kms:ViaService": f"s3.{frame.stack.region}.amazonaws.com"}},
        ),
    ]


def _in(cluster: str) -> dict[str, dict[str, str]]:
    return {"ArnEquals": {"ecs:cluster": cluster}}
