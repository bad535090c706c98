"""The Dagster stack as a whole, and its parameters."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_logs as logs

from aws_deploy.ecs_settings import OnEcs
from aws_deploy.stacks.ecs.alarms import alarms
from aws_deploy.stacks.ecs.balancer import balancer
from aws_deploy.stacks.ecs.database import database
from aws_deploy.stacks.ecs.frame import Frame
from aws_deploy.stacks.ecs.network import network
from aws_deploy.stacks.ecs.roles import roles
from aws_deploy.stacks.ecs.services import Ground, services
from aws_deploy.stacks.names import output


class DagsterStack(cdk.Stack):
    """`log_days`: how long logs are kept."""

    def __init__(self, app: cdk.App, name: str, chosen: OnEcs, log_days: int) -> None:
        super().__init__(
            app,
            name,
            description="Lakehouse: Dagster on ECS. Holds the history of runs: its last snapshot is kept.",
            synthesizer=cdk.BootstraplessSynthesizer(),
        )
        frame = Frame(
            stack=self,
            chosen=chosen,
            log_days=log_days,
            image=self._parameter("Image", "The image of all tasks: URI with a tag or a digest."),
            repository=self._parameter("RepositoryArn", "The ARN of the image's repository in ECR."),
            environment=self._parameter("Environment", "The lakehouse's settings: a JSON object of variables."),
            # In one task the webserver has the role that may read the bucket anyway.
            bucket="" if chosen.dagster == "small" else self._parameter("BucketName", "The lakehouse's bucket."),
            control=self._parameter("ControlPrefix", "The folder of Dagster's files in the bucket."),
            topic=self._parameter("TopicArn", "The topic of the alarms."),
            key=self._parameter("KeyArn", "The ARN of the storage stack's KMS key."),
            task_role=self._parameter("TaskRoleArn", "The pipeline stack's role of Dagster."),
            cpu=self._parameter("Cpu", "CPU units of a run's task, or of the one task.", str(chosen.dagster_cpu)),
            memory=self._parameter("MemoryMb", "Its memory in MB.", str(chosen.dagster_memory_mb)),
            disk_gb=self._number("DiskGb", "Its disk in GB.", chosen.dagster_disk_gb),
        )
        log = logs.CfnLogGroup(
            self, "Log", log_group_name=frame.log_group, retention_in_days=log_days, kms_key_id=frame.key
        )
        own_network = network(frame)
        own_database = database(frame, own_network)
        # Container Insights would count tasks and measure disks, for a price.
        cluster = ecs.CfnCluster(
            self,
            "Cluster",
            cluster_name=frame.name,
            cluster_settings=[{"name": "containerInsights", "value": "disabled"}],
        )
        own_roles = roles(frame, own_database.secret, cluster.attr_arn)
        front = balancer(frame, own_network) if chosen.ui != "private" else None
        ground = Ground(frame, own_network, cluster.ref, (*own_network.ways_out, own_database.instance, log))
        daemon = services(ground, own_database, own_roles, front)
        alarms(frame, log, daemon, own_database.instance.ref)
        output(self, "ClusterName", cluster.ref, "The ECS cluster of Dagster")
        output(self, "DatabaseId", own_database.instance.ref, "Dagster's database")
        output(self, "LogGroup", frame.log_group, "The logs of Dagster's tasks")

    def _parameter(self, name: str, description: str, default: str | None = None) -> str:
        return cdk.CfnParameter(self, name, type="String", description=description, default=default).value_as_string

    def _number(self, name: str, description: str, default: int) -> float:
        return cdk.CfnParameter(self, name, type="Number", description=description, default=default).value_as_number
