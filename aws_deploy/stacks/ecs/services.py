"""The services: webserver, daemon and code server, each in a task that ECS replaces; or one service for all three. A
task that does not become healthy is not kept: the deployment is rolled back.
"""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_servicediscovery as discovery

from aws_deploy.ecs_names import ALL, CODE, DAEMON, RUN, WEBSERVER
from aws_deploy.stacks.ecs.balancer import Balancer
from aws_deploy.stacks.ecs.database import Database
from aws_deploy.stacks.ecs.frame import Frame
from aws_deploy.stacks.ecs.network import Network
from aws_deploy.stacks.ecs.roles import Roles
from aws_deploy.stacks.ecs.tasks import SIZES, THIS_TASK, Containers, all_in_one, task_definition

ONE_AT_A_TIME = {"minimumHealthyPercent": 0, "maximumPercent": 100}
"""The old task stops before the new one starts: two daemons would take turns, and write errors."""
ONE_AT_LEAST = {"minimumHealthyPercent": 100, "maximumPercent": 200}
SECONDS_OF_DNS = 10


@dataclass(frozen=True)
class Ground:
    """What each service stands on. `needed`: what has to be there before its tasks start, and until they have ended."""

    frame: Frame
    network: Network
    cluster: str
    needed: tuple[cdk.CfnResource, ...]


def services(ground: Ground, database: Database, roles: Roles, front: Balancer | None) -> ecs.CfnService:
    """Creates the services. Returns the one in which the daemon runs."""
    frame = ground.frame
    if frame.small:
        containers = Containers(frame, database, THIS_TASK, front is not None)
        task = task_definition(frame, ALL, all_in_one(containers), roles.work, roles)
        return _service(ground, ALL, task, ONE_AT_A_TIME, sessions=True, front=front)
    namespace = f"{frame.name}.internal"
    containers = Containers(frame, database, f"{CODE}.{namespace}", front is not None)
    run = task_definition(frame, RUN, [containers.run()], roles.work, roles)
    made = {}
    for name, container, role, deployment in (
        (CODE, containers.code(run.ref), roles.work, ONE_AT_LEAST),
        (DAEMON, containers.daemon(run.ref), roles.daemon, ONE_AT_A_TIME),
        (WEBSERVER, containers.webserver(run.ref), roles.webserver, ONE_AT_LEAST),
    ):
        task = task_definition(frame, name, [container], role, roles, SIZES[name])
        made[name] = _service(
            ground,
            name,
            task,
            deployment,
            sessions=name == WEBSERVER,
            front=front if name == WEBSERVER else None,
            registry=_registry(frame, ground.network, namespace) if name == CODE else None,
        )
    for name in (DAEMON, WEBSERVER):
        made[name].add_resource_dependency(made[CODE])
    return made[DAEMON]


def _service(
    ground: Ground,
    name: str,
    task: ecs.CfnTaskDefinition,
    deployment: dict[str, int],
    *,
    sessions: bool,
    front: Balancer | None,
    registry: str | None = None,
) -> ecs.CfnService:
    """`sessions`: sessions of Systems Manager may be opened, by which `make ui` forwards the port."""
    service = ecs.CfnService(
        ground.frame.stack,
        f"{name.title()}Service",
        service_name=name,
        cluster=ground.cluster,
        task_definition=task.ref,
        launch_type="FARGATE",
        platform_version="1.4.0",
        desired_count=1,
        availability_zone_rebalancing="DISABLED",
        deployment_configuration={
            **deployment,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        },
        network_configuration=ground.network.of_a_task,
        enable_execute_command=sessions,
        load_balancers=[front.target] if front else None,
        health_check_grace_period_seconds=300 if front else None,
        service_registries=[{"registryArn": registry}] if registry else None,
        propagate_tags="SERVICE",
    )
    for needed in (*ground.needed, *((front.listener,) if front else ())):
        service.add_resource_dependency(needed)
    return service


def _registry(frame: Frame, network: Network, namespace: str) -> str:
    """The code server's name in the VPC. A new task has a new address."""
    zone = discovery.CfnPrivateDnsNamespace(frame.stack, "Namespace", name=namespace, vpc=network.vpc)
    return str(
        discovery.CfnService(
            frame.stack,
            "CodeName",
            name=CODE,
            namespace_id=zone.attr_id,
            dns_config={"dnsRecords": [{"type": "A", "ttl": SECONDS_OF_DNS}], "routingPolicy": "MULTIVALUE"},
            health_check_custom_config={"failureThreshold": 1},
        ).attr_arn
    )
