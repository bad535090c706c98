"""What the parts of a Dagster stack share: its parameters, names, and roles for its tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from aws_deploy.ecs_settings import OnEcs
from aws_deploy.stacks.site import role_of_service


@dataclass(frozen=True)
class Frame:
    """`environment`: the lakehouse's settings, as a JSON object of variables. `task_role`: the ARN of the pipeline
    stack's role of Dagster. `repository`: the ARN of the image's repository, or "". `cpu`, `memory`, `disk_gb`: of a
    run's task, or of the one task. All of them are parameters of the template.
    """

    stack: cdk.Stack
    chosen: OnEcs
    log_days: int
    image: str
    repository: str
    environment: str
    bucket: str
    control: str
    topic: str
    key: str
    task_role: str
    cpu: str
    memory: str
    disk_gb: float

    @property
    def small(self) -> bool:
        return self.chosen.dagster == "small"

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.stack.partition}:{service}:{self.stack.region}:{self.stack.account}:{resource}"

    def named(self, name: str) -> str:
        """A name that begins with the stack's."""
        return f"{self.name}-{name}"

    def tags(self, name: str) -> list[dict[str, str]]:
        return [{"key": "Name", "value": self.named(name)}]

    @property
    def name(self) -> str:
        """The stack's name, as a reference: the template is that of every preset."""
        return str(cdk.Aws.STACK_NAME)

    @property
    def log_group(self) -> str:
        return f"/lakehouse/{self.name}"

    def role(self, name: str, statements: Sequence[iam.PolicyStatement], description: str) -> iam.CfnRole:
        """A role that ECS assumes for tasks of this account."""
        return role_of_service(self.stack, name, "ecs-tasks", statements, description)
