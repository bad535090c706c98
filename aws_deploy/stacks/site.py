"""What the parts of a pipeline stack share: names, ARNs, the location of the code, and roles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from aws_deploy.presets import Preset
from aws_deploy.settings import Deployment
from lakehouse_assets.contracts import Contracts
from lakehouse_assets.glue.uploads import Code
from lakehouse_assets.settings import Settings


@dataclass(frozen=True)
class Site:
    """`settings`: with references to the template's parameters in place of names. `key`: the ARN of the KMS key;
    `documents`: the S3 location of the contracts; `steps_zip`, `load_zip`: keys of the Lambdas' code. `starts_machine`:
    the condition that new files start the state machine.
    """

    stack: cdk.Stack
    preset: Preset
    settings: Settings
    deployment: Deployment
    contracts: Contracts
    key: str
    code: Code
    documents: str
    steps_zip: str
    load_zip: str
    starts_machine: cdk.CfnCondition

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.stack.partition}:{service}:{self.stack.region}:{self.stack.account}:{resource}"

    def log_group_arn(self, name: str) -> str:
        """All streams of a log group."""
        return self.arn("logs", f"log-group:{name}:*")

    def if_started(self, then: str, otherwise: str) -> str:
        """`then` if new files start the state machine, else `otherwise`: a reference that CloudFormation resolves."""
        return str(cdk.Fn.condition_if(self.starts_machine.logical_id, then, otherwise).to_string())

    @property
    def bucket(self) -> str:
        return f"arn:{self.stack.partition}:s3:::{self.settings.bucket}"

    @property
    def machine(self) -> str:
        """Built from the name, not a reference: the machine's definition refers to the Lambdas, and they to the
        machine, which CloudFormation would reject as a circle.
        """
        return self.arn("states", f"stateMachine:{self.preset.state_machine}")

    @property
    def executions(self) -> str:
        return self.arn("states", f"execution:{self.preset.state_machine}:*")

    @property
    def topic(self) -> str:
        return self.arn("sns", self.settings.topic)

    @property
    def queue(self) -> str:
        return self.arn("sqs", self.settings.queue)

    @property
    def dead_letters(self) -> str:
        return self.arn("sqs", f"{self.settings.queue}-dead-letters")

    @property
    def load_jobs(self) -> dict[str, str]:
        """The name of each dataset's Glue job."""
        return {dataset: self.settings.job_name(contract) for dataset, contract in self.contracts.items()}

    @property
    def crawlers(self) -> dict[str, str]:
        """The crawlers' names, by the suffix of their states. There are two because a crawler has one prefix for the
        names of its tables.
        """
        return {"Tables": self.preset.crawler, "Rejected": f"{self.preset.crawler}-rejected"}

    def role(self, name: str, service: str, statements: Sequence[iam.PolicyStatement], description: str) -> str:
        """Creates a role that one AWS service assumes for resources of this account. Returns its ARN."""
        return role_of_service(self.stack, name, service, statements, description).attr_arn


def role_of_service(
    stack: cdk.Stack, name: str, service: str, statements: Sequence[iam.PolicyStatement], description: str
) -> iam.CfnRole:
    """Creates a role that one AWS service assumes for resources of this account."""
    trust = iam.PolicyStatement(
        principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
        actions=["sts:AssumeRole"],
    )
    if service in KNOW_THE_ACCOUNT:
        # Prevents the confused deputy: no resource of another account can make the service use this role.
        trust.add_condition("StringEquals", {"aws:SourceAccount": stack.account})
    return iam.CfnRole(
        stack,
        f"{name}Role",
        description=description,
        assume_role_policy_document=iam.PolicyDocument(statements=[trust]),
        policies=[
            iam.CfnRole.PolicyProperty(
                policy_name="Needed", policy_document=iam.PolicyDocument(statements=[*statements])
            )
        ]
        if statements
        else None,
    )


KNOW_THE_ACCOUNT = {"states", "scheduler", "ecs-tasks"}
"""Services that send aws:SourceAccount when they assume a role. Lambda and Glue do not, for functions, jobs and
crawlers.
"""


def camel(name: str) -> str:
    """order_items and ecommerce-dwh as OrderItems and EcommerceDwh, for the logical ids of resources."""
    return "".join(part[:1].upper() + part[1:] for part in name.replace("-", "_").split("_"))
