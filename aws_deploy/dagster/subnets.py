"""Checks the user's own subnets before Dagster is deployed into them."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from aws_deploy.settings import Deployment

DNS = {"enableDnsSupport": "EnableDnsSupport", "enableDnsHostnames": "EnableDnsHostnames"}
"""Attributes of a VPC that the code server's name needs, and how an answer calls them."""
LEAST_ZONES = 2


def vpc_of(deployment: Deployment, ec2: Any, faults: list[str]) -> dict[str, str]:
    """The parameter with the VPC of DEPLOY_SUBNETS; empty without these. Adds what is wrong with them to `faults`."""
    if not deployment.subnets:
        return {}
    try:
        found: list[dict[str, Any]] = ec2.describe_subnets(SubnetIds=[*deployment.subnets, *deployment.ui_subnets])[
            "Subnets"
        ]
        vpcs = sorted({subnet["VpcId"] for subnet in found})
        if len(vpcs) > 1:
            faults.append(f"DEPLOY_SUBNETS: the subnets are in several VPCs: {', '.join(vpcs)}")
        else:
            faults += _dns_faults(ec2, vpcs[0]) + _route_faults(deployment, ec2, vpcs[0])
    except ClientError as error:
        faults.append(f"DEPLOY_SUBNETS: EC2 answers {error.response['Error']['Message']}")
        return {}
    for name, chosen in (("DEPLOY_SUBNETS", deployment.subnets), ("DEPLOY_UI_SUBNETS", deployment.ui_subnets)):
        zones = {subnet["AvailabilityZone"] for subnet in found if subnet["SubnetId"] in chosen}
        if chosen and len(zones) < LEAST_ZONES:
            faults.append(f"{name}: all of them are in {', '.join(zones)}. Two availability zones are needed.")
    return {"VpcId": vpcs[0]}


def _dns_faults(ec2: Any, vpc: str) -> list[str]:
    return [
        f"DEPLOY_SUBNETS: {name} is off in {vpc}. The code server is found by a DNS name: switch it on."
        for name, answered in DNS.items()
        if not ec2.describe_vpc_attribute(VpcId=vpc, Attribute=name)[answered]["Value"]
    ]


def _route_faults(deployment: Deployment, ec2: Any, vpc: str) -> list[str]:
    """A task with a public address needs a route to an internet gateway; one without cannot use it. How else a subnet
    reaches AWS (NAT, endpoints, a transit gateway) is not checked.
    """
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    of_subnet, main = {}, None
    for table in tables:
        for association in table.get("Associations", []):
            if association.get("Main"):
                main = table
            elif "SubnetId" in association:
                of_subnet[association["SubnetId"]] = table
    faults = []
    for subnet in deployment.subnets:
        routes = (of_subnet.get(subnet, main) or {}).get("Routes", [])
        is_public = any(
            route.get("DestinationCidrBlock") == "0.0.0.0/0" and str(route.get("GatewayId", "")).startswith("igw-")
            for route in routes
        )
        if is_public and deployment.network == "private":
            faults.append(
                f"DEPLOY_SUBNETS: {subnet} leads to an internet gateway. A task without a public address cannot use it."
                " Give other subnets, or set DEPLOY_NETWORK=public."
            )
        if not is_public and deployment.network == "public":
            faults.append(
                f"DEPLOY_SUBNETS: {subnet} has no route to an internet gateway, so a public address is of no use. Set"
                " DEPLOY_NETWORK=private."
            )
    return faults
