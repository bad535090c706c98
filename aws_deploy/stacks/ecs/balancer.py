"""A load balancer in front of the user interface, which asks everybody for a sign-in: by an OIDC provider or by a user
pool of Cognito. There is none unless DEPLOY_UI asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elb

from aws_deploy.ecs_names import UI_PORT, WEBSERVER
from aws_deploy.stacks.ecs.endpoints import ENDPOINTS
from aws_deploy.stacks.ecs.frame import Frame
from aws_deploy.stacks.ecs.network import ANYWHERE, HTTPS, Network
from aws_deploy.stacks.names import output

TLS = "ELBSecurityPolicy-TLS13-1-2-2021-06"
SECONDS_SIGNED_IN = 28_800


@dataclass(frozen=True)
class Balancer:
    """`target`: what the webserver's service is registered with. `listener`: ECS refuses a target group without one."""

    target: dict[str, Any]
    listener: elb.CfnListener


def balancer(frame: Frame, network: Network) -> Balancer:
    """Creates the load balancer. It forwards requests only of users who signed in."""
    stack, chosen = frame.stack, frame.chosen
    group = _group(frame, network)
    front = elb.CfnLoadBalancer(
        stack,
        "Front",
        type="application",
        scheme="internet-facing",
        subnets=network.front_subnets,
        security_groups=[group],
        load_balancer_attributes=[
            {"key": "routing.http.drop_invalid_header_fields.enabled", "value": "true"},
            {"key": "idle_timeout.timeout_seconds", "value": "3600"},  # the UI's websocket
        ],
    )
    for way in network.ways_out:
        front.add_resource_dependency(way)
    target = elb.CfnTargetGroup(
        stack,
        "Webservers",
        vpc_id=network.vpc,
        target_type="ip",
        protocol="HTTP",
        port=UI_PORT,
        health_check_path="/server_info",
        # The webserver answers to its own name only, and the health check names an address: it gets 403 from a
        # webserver that works. The container's health check asks for more.
        matcher={"httpCode": "200,403"},
        target_group_attributes=[{"key": "deregistration_delay.timeout_seconds", "value": "30"}],
    )
    listener = elb.CfnListener(
        stack,
        "Https",
        load_balancer_arn=front.ref,
        port=HTTPS,
        protocol="HTTPS",
        ssl_policy=TLS,
        certificates=[{"certificateArn": chosen.ui_certificate}],
        default_actions=[
            {"order": 1, **_sign_in(frame)},
            {"order": 2, "type": "forward", "targetGroupArn": target.ref},
        ],
    )
    output(stack, "UiAddress", front.attr_dns_name, f"Point {chosen.ui_host} to this name (CNAME)")
    return Balancer({"containerName": WEBSERVER, "containerPort": UI_PORT, "targetGroupArn": target.ref}, listener)


def _sign_in(frame: Frame) -> dict[str, Any]:
    stack, chosen = frame.stack, frame.chosen
    if chosen.ui == "cognito":
        return {
            "type": "authenticate-cognito",
            "authenticateCognitoConfig": {
                "userPoolArn": chosen.ui_user_pool,
                "userPoolClientId": chosen.ui_client_id,
                "userPoolDomain": chosen.ui_user_pool_domain,
                "sessionTimeout": str(SECONDS_SIGNED_IN),
                "onUnauthenticatedRequest": "authenticate",
            },
        }
    authorization, token, userinfo = (
        cdk.CfnParameter(stack, name, type="String", description="Of the OIDC provider.").value_as_string
        for name in ENDPOINTS.values()
    )
    return {
        "type": "authenticate-oidc",
        "authenticateOidcConfig": {
            "issuer": chosen.ui_issuer,
            "authorizationEndpoint": authorization,
            "tokenEndpoint": token,
            "userInfoEndpoint": userinfo,
            "clientId": chosen.ui_client_id,
            "clientSecret": f"{{{{resolve:secretsmanager:{chosen.ui_client_secret}}}}}",
            "scope": "openid",
            "sessionTimeout": str(SECONDS_SIGNED_IN),
            "onUnauthenticatedRequest": "authenticate",
        },
    }


def _group(frame: Frame, network: Network) -> str:
    stack = frame.stack
    group = ec2.CfnSecurityGroup(
        stack,
        "FrontGroup",
        vpc_id=network.vpc,
        group_description="Load balancer of the user interface",
        security_group_ingress=[
            {
                "ipProtocol": "tcp",
                "fromPort": HTTPS,
                "toPort": HTTPS,
                "cidrIp": block,
                "description": "DEPLOY_UI_NETWORKS",
            }
            for block in frame.chosen.ui_networks
        ],
        security_group_egress=[
            {
                "ipProtocol": "tcp",
                "fromPort": HTTPS,
                "toPort": HTTPS,
                "cidrIp": ANYWHERE,
                "description": "The identity provider",
            }
        ],
    ).attr_group_id
    at = {"ip_protocol": "tcp", "from_port": UI_PORT, "to_port": UI_PORT}
    ec2.CfnSecurityGroupEgress(stack, "FrontOut", group_id=group, destination_security_group_id=network.tasks, **at)
    ec2.CfnSecurityGroupIngress(stack, "FrontIn", group_id=network.tasks, source_security_group_id=group, **at)
    return group
