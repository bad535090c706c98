"""The role that GitHub's workflow deploys with: it may do what CloudFormation asks of whoever makes these stacks, and
only the named environments take it on.

What a resource type asks is in AWS's registry of CloudFormation, which cfn-lint carries.
"""

from __future__ import annotations

import fnmatch
import json
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

import aws_deploy
from aws_deploy.synth import TEMPLATES
from lakehouse_assets_tests.aws_deploy.templates import BOTH, kept

SCHEMAS = Path(cfn_yaml.__file__).parents[1] / "data" / "schemas"
TEMPLATE = Path(aws_deploy.__file__).parent / "deploy-role.yaml"
NOT_USED = {
    *("ec2:*", "elasticfilesystem:*", "firehose:*", "s3files:*", "s3tables:*", "lakeformation:*"),
    *(
        "glue:*Connection",
        "kms:CreateGrant",
        "iam:ListRoles",
        "iam:CreateServiceLinkedRole",
        "iam:*PermissionsBoundary",
        "lambda:PassCapacityProvider",
    ),
    *(
        "lambda:*CodeSigningConfig",
        "lambda:*FunctionConcurrency",
        "lambda:*FunctionScalingConfig",
        "lambda:AssociateRuntimeAlias",
        "lambda:PublishVersion",
    ),
    *("logs:PutBearerTokenAuthentication", "logs:PutLogGroupDeletionProtection", "s3:REST.PUT.OBJECT"),
    *("s3:*ObjectAcl", "s3:*BucketMetadata*", "s3:*Abac", "s3:ListMultipartUploadParts"),
}
"""What the schemas name for features that no stack of ours has: VPCs, file systems, connections to federated catalogs,
code signing, metadata tables …
"""

BALANCERS = ("LoadBalancer", "Listener", "TargetGroup")
NOT_USED_BY_DAGSTER = {
    *(NOT_USED - {"ec2:*", "iam:CreateServiceLinkedRole"}),
    *("ec2:AcceptAddressTransfer", "ec2:*PrivateNatGatewayAddress", "ec2:*VpnGateway*", "ec2:ModifyVpcTenancy"),
    *("ec2:*EncryptionControl*", "vpc-lattice:*", "vpce:*"),
    *("iam:*GroupPolicy", "iam:*UserPolicy", "kms:RetireGrant", "ecs:PutAccountSetting*"),
    *("rds:AddRoleToDBInstance", "rds:RemoveRoleFromDBInstance", "rds:*ReadReplica", "rds:*BackupsReplication"),
    *("rds:RestoreDBInstance*", "secretsmanager:*Replic*"),
}
"""The same for the stacks of Dagster: peering, replicas, clusters of the database …"""


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return dict(cfn_yaml.load(str(TEMPLATE)))


def statements(template: dict[str, Any], *, dagster: bool) -> list[dict[str, Any]]:
    policies = template["Resources"]["DeployRole"]["Properties"]["Policies"]
    more = [template["Resources"]["DagsterPolicy"]["Properties"]] if dagster else []
    return [statement for policy in [*policies, *more] for statement in policy["PolicyDocument"]["Statement"]]


def allowed(template: dict[str, Any], *, dagster: bool = False) -> list[str]:
    return [action for statement in statements(template, dagster=dagster) for action in statement["Action"]]


def asked(kind: str) -> set[str]:
    registry = json.loads((SCHEMAS / "providers" / "us-east-1.json").read_text())
    schema = json.loads((SCHEMAS / "resources" / f"{registry[kind]}.json").read_text())
    return {permission for handler in schema["handlers"].values() for permission in handler.get("permissions", [])}


def matches(action: str, patterns: set[str] | list[str]) -> bool:
    return any(fnmatch.fnmatchcase(action, pattern) for pattern in patterns)


def test_it_may_do_what_cloudformation_asks_of_whoever_makes_the_stacks(template: dict[str, Any]) -> None:
    kinds = {
        resource["Type"]
        for preset in BOTH
        for part in ("storage", "pipeline")
        for resource in kept(preset, part).whole["Resources"].values()
    }
    assert len(kinds) > 15
    actions = allowed(template)
    lacking = {
        kind: sorted(it for it in asked(kind) if not matches(it, actions) and not matches(it, NOT_USED))
        for kind in {*kinds, "AWS::SNS::Subscription"}
    }
    assert {kind: missing for kind, missing in lacking.items() if missing} == {}


def test_with_dagster_it_may_do_what_those_stacks_ask_as_well(template: dict[str, Any]) -> None:
    kinds = {
        resource["Type"]
        for path in TEMPLATES.glob("dagster-*.json")
        for resource in json.loads(path.read_text("utf-8"))["Resources"].values()
    }
    assert len(kinds) > 20
    actions = allowed(template, dagster=True)
    kinds |= {*(f"AWS::ElasticLoadBalancingV2::{it}" for it in BALANCERS)}
    lacking = {
        kind: sorted(it for it in asked(kind) if not matches(it, actions) and not matches(it, NOT_USED_BY_DAGSTER))
        for kind in kinds
    }
    assert {kind: missing for kind, missing in lacking.items() if missing} == {}


def test_it_may_do_what_a_deployment_calls_itself(template: dict[str, Any]) -> None:
    """Stacks (changes are looked at first), the code's upload, the test of what was deployed, its end."""
    calls = {
        "cloudformation:CreateStack",
        "cloudformation:CreateChangeSet",
        "cloudformation:ExecuteChangeSet",
        "cloudformation:DescribeStackEvents",
    }
    calls |= {
        "s3:PutObject",
        "s3:ListBucketVersions",
        "lambda:InvokeFunction",
        "athena:StartQueryExecution",
        "athena:GetQueryResults",
        "glue:GetTable",
    }
    assert {call for call in calls if not matches(call, allowed(template))} == set()
    calls |= {"ecr:GetAuthorizationToken", "ecr:DescribeImages", "ecr:PutImage", "ec2:DescribeSubnets"}
    calls |= {"ecs:ListServices", "ecs:DescribeServices", "logs:FilterLogEvents"}
    calls |= {"rds:DescribeDBSnapshots", "rds:DeleteDBSnapshot"}
    assert {call for call in calls if not matches(call, allowed(template, dagster=True))} == set()


def test_it_makes_and_passes_on_no_roles_but_the_stacks_own(template: dict[str, Any]) -> None:
    for statement in statements(template, dagster=True):
        if statement["Action"] == ["iam:CreateServiceLinkedRole"]:
            assert "iam:AWSServiceName" in statement["Condition"]["StringEquals"]
        elif any(action.startswith("iam:") for action in statement["Action"]):
            assert statement["Resource"] == {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${Stacks}*"}


def test_only_the_named_subjects_of_github_take_it_on(template: dict[str, Any]) -> None:
    """By StringEquals: a wildcard in a subject is no wildcard."""
    [trust] = template["Resources"]["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": {"Ref": "Subjects"},
        }
    }
