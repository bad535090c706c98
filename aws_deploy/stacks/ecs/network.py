"""The network of Dagster's tasks: a VPC of its own, or the user's subnets.

Nothing can open a connection to a task except another task (the code server's port). A task has no public address
unless DEPLOY_NETWORK asks for one, which is cheaper than the NAT gateway. S3's gateway endpoint is free, so files never
go by way of the internet. The VPC's own endpoints for the other services would cost more than the gateway.
"""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

from aws_deploy.ecs_names import CODE_PORT, DATABASE_PORT
from aws_deploy.stacks.ecs.frame import Frame

RANGE = "10.42.0.0/16"
PUBLIC, PRIVATE, ISOLATED = (
    ("10.42.0.0/24", "10.42.1.0/24"),
    ("10.42.2.0/24", "10.42.3.0/24"),
    (
        "10.42.4.0/24",
        "10.42.5.0/24",
    ),
)
ANYWHERE = "0.0.0.0/0"
HTTPS = 443


@dataclass(frozen=True)
class Network:
    """`subnets`: of the tasks; `database_subnets`: of the database; `front_subnets`: of a load balancer. `tasks`,
    `database`: ids of security groups.
    """

    vpc: str
    subnets: list[str]
    database_subnets: list[str]
    front_subnets: list[str]
    tasks: str
    database: str
    public: bool
    ways_out: tuple[cdk.CfnResource, ...]
    """What has to be there before a task can reach AWS."""

    @property
    def of_a_task(self) -> dict[str, object]:
        """The network configuration of a service."""
        return {
            "awsvpcConfiguration": {
                "subnets": self.subnets,
                "securityGroups": [self.tasks],
                "assignPublicIp": "ENABLED" if self.public else "DISABLED",
            }
        }


def network(frame: Frame) -> Network:
    stack, public = frame.stack, frame.chosen.network == "public"
    if frame.chosen.subnets:
        vpc = cdk.CfnParameter(
            stack, "VpcId", type="AWS::EC2::VPC::Id", description="The subnets' VPC."
        ).value_as_string
        given = [*frame.chosen.subnets]
        return Network(vpc, given, given, [*(frame.chosen.ui_subnets or given)], *_groups(frame, vpc), public, ())
    own = ec2.CfnVPC(
        stack,
        "Vpc",
        cidr_block=RANGE,
        enable_dns_support=True,
        enable_dns_hostnames=True,
        tags=frame.tags("vpc"),
    )
    front, way_out = _public_subnets(frame, own)
    tables, ways_out, subnets = [way_out[0]], [way_out[1]], front
    if not public:
        subnets, table, through_nat = _private_subnets(frame, own, front[0], way_out[1])
        tables, ways_out = [*tables, table], [*ways_out, through_nat]
    ec2.CfnVPCEndpoint(
        stack,
        "S3Endpoint",
        vpc_id=own.ref,
        vpc_endpoint_type="Gateway",
        service_name=f"com.amazonaws.{stack.region}.s3",
        route_table_ids=[table.ref for table in tables],
    )
    isolated = _subnets(frame, own, "Database", ISOLATED)
    return Network(
        own.ref,
        subnets,
        [subnet.ref for subnet in isolated],
        front,
        *_groups(frame, own.ref),
        public,
        tuple(ways_out),
    )


def _subnets(frame: Frame, vpc: ec2.CfnVPC, name: str, ranges: tuple[str, ...]) -> list[ec2.CfnSubnet]:
    return [
        ec2.CfnSubnet(
            frame.stack,
            f"{name}Subnet{number + 1}",
            vpc_id=vpc.ref,
            cidr_block=block,
            availability_zone=cdk.Fn.select(number, cdk.Fn.get_azs()),
            # A task's public address is asked for by its service.
            map_public_ip_on_launch=False,
            tags=frame.tags(f"{name.lower()}-{number + 1}"),
        )
        for number, block in enumerate(ranges)
    ]


def _routed(frame: Frame, vpc: ec2.CfnVPC, name: str, subnets: list[ec2.CfnSubnet]) -> ec2.CfnRouteTable:
    table = ec2.CfnRouteTable(frame.stack, f"{name}Routes", vpc_id=vpc.ref, tags=frame.tags(name.lower()))
    for number, subnet in enumerate(subnets, 1):
        ec2.CfnSubnetRouteTableAssociation(
            frame.stack, f"{name}Routes{number}", route_table_id=table.ref, subnet_id=subnet.ref
        )
    return table


def _public_subnets(frame: Frame, vpc: ec2.CfnVPC) -> tuple[list[str], tuple[ec2.CfnRouteTable, cdk.CfnResource]]:
    stack = frame.stack
    gateway = ec2.CfnInternetGateway(stack, "Internet", tags=frame.tags("internet"))
    attached = ec2.CfnVPCGatewayAttachment(stack, "InternetOfVpc", vpc_id=vpc.ref, internet_gateway_id=gateway.ref)
    subnets = _subnets(frame, vpc, "Public", PUBLIC)
    table = _routed(frame, vpc, "Public", subnets)
    way = ec2.CfnRoute(
        stack, "PublicWayOut", route_table_id=table.ref, destination_cidr_block=ANYWHERE, gateway_id=gateway.ref
    )
    way.add_resource_dependency(attached)
    return [subnet.ref for subnet in subnets], (table, way)


def _private_subnets(
    frame: Frame, vpc: ec2.CfnVPC, front: str, way_out: cdk.CfnResource
) -> tuple[list[str], ec2.CfnRouteTable, cdk.CfnResource]:
    stack = frame.stack
    address = ec2.CfnEIP(stack, "NatAddress", domain="vpc", tags=frame.tags("nat"))
    gateway = ec2.CfnNatGateway(
        stack, "Nat", subnet_id=front, allocation_id=address.attr_allocation_id, tags=frame.tags("nat")
    )
    gateway.add_resource_dependency(way_out)
    subnets = _subnets(frame, vpc, "Private", PRIVATE)
    table = _routed(frame, vpc, "Private", subnets)
    way = ec2.CfnRoute(
        stack, "PrivateWayOut", route_table_id=table.ref, destination_cidr_block=ANYWHERE, nat_gateway_id=gateway.ref
    )
    return [subnet.ref for subnet in subnets], table, way


def _groups(frame: Frame, vpc: str) -> tuple[str, str]:
    """The security groups of the tasks and of the database: what may connect to what."""
    stack = frame.stack
    # Without a rule of its own a group may connect to everything. This range is nobody's.
    nothing = {"ipProtocol": "icmp", "fromPort": 252, "toPort": 86, "cidrIp": "255.255.255.255/32"}
    tasks, database = (
        ec2.CfnSecurityGroup(stack, f"{name}Group", vpc_id=vpc, group_description=text, security_group_egress=[nothing])
        for name, text in (("Tasks", "Tasks of Dagster"), ("Database", "Database of Dagster"))
    )
    ec2.CfnSecurityGroupEgress(
        stack,
        "TasksReachAws",
        group_id=tasks.attr_group_id,
        ip_protocol="tcp",
        from_port=HTTPS,
        to_port=HTTPS,
        cidr_ip=ANYWHERE,
        description="AWS's services",
    )
    _connects(frame, "DatabaseOfTasks", tasks.attr_group_id, database.attr_group_id, DATABASE_PORT)
    if not frame.small:
        _connects(frame, "CodeOfTasks", tasks.attr_group_id, tasks.attr_group_id, CODE_PORT)
    return tasks.attr_group_id, database.attr_group_id


def _connects(frame: Frame, name: str, source: str, target: str, port: int) -> None:
    """Members of one security group may connect to a port of another's."""
    at = {"ip_protocol": "tcp", "from_port": port, "to_port": port}
    ec2.CfnSecurityGroupEgress(frame.stack, f"{name}Out", group_id=source, destination_security_group_id=target, **at)
    ec2.CfnSecurityGroupIngress(frame.stack, f"{name}In", group_id=target, source_security_group_id=source, **at)
