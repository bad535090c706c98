"""The kept templates are what CDK makes of aws_deploy/, the contracts and sql/ today, and cdk-nag finds nothing in
them. One synthesis for all tests.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aws_deploy.presets import ECOMMERCE
from aws_deploy.synth import TEMPLATES
from lakehouse_assets_tests.aws_deploy.templates import Template

SYNTHESIS = """
import json, sys
from aws_deploy.presets import PRESETS
from aws_deploy.settings import Deployment, built_in_settings
from aws_deploy.synth import fresh_templates, synthesize, synthesize_dagster

chosen = Deployment.model_construct(preset="ecommerce", emails=("data@example.com",), subscribers=("111122223333",), workers=4, log_days=7,
    scan_limit_gb=5, waiting_minutes=15, access_logs="logs-of-mine")
login = dict(ui_host="lakehouse.example.org", ui_certificate="arn:aws:acm:us-east-1:111122223333:certificate/1",
    ui_networks=("203.0.113.0/24",), ui_client_id="client")
oidc = dict(ui="oidc", ui_issuer="https://login.example.org",
    ui_client_secret="arn:aws:secretsmanager:us-east-1:111122223333:secret:ui-AbCdEf", **login)
cognito = dict(ui="cognito", ui_user_pool="arn:aws:cognito-idp:us-east-1:111122223333:userpool/us-east-1_1",
    ui_user_pool_domain="lakehouse", **login)
theirs = dict(subnets=("subnet-11111111", "subnet-22222222"), ui_subnets=("subnet-33333333", "subnet-44444444"))
dagster = {
    "public": dict(network="public"),
    "oidc": oidc,
    "small_cognito": dict(dagster="small", network="public", **cognito),
    "theirs": {**theirs, **oidc},
}
print(json.dumps({
    "dagster": {name: synthesize_dagster(Deployment(orchestrator="dagster", **more)) for name, more in dagster.items()},
    "kept": {path.name: template for path, template in fresh_templates().items()},
    "chosen": synthesize([(chosen, built_in_settings(PRESETS["ecommerce"]))]),
}))
"""
UNEXPLAINED = """
import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_deploy.nag import checked

app = cdk.App(outdir=__import__("sys").argv[1])
stack = cdk.Stack(app, "Wide", synthesizer=cdk.BootstraplessSynthesizer())
policy = iam.PolicyDocument(statements=[iam.PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::another-bucket/*"])])
trust = iam.PolicyStatement(principals=[iam.ServicePrincipal("glue.amazonaws.com")], actions=["sts:AssumeRole"])
assumed = iam.PolicyDocument(statements=[trust])
iam.CfnRole(stack, "Role", assume_role_policy_document=assumed, policies=[iam.CfnRole.PolicyProperty(policy_name="P", policy_document=policy)])
checked(app).synth()
"""


@pytest.fixture(scope="module")
def made() -> dict[str, dict[str, str]]:
    """In a process of its own: CDK's Node process goes with it."""
    if shutil.which("node") is None:
        pytest.skip("CDK needs Node.js, which is not installed here: whether the kept templates are fresh is not known")
    done = subprocess.run([sys.executable, "-c", SYNTHESIS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"The synthesis failed (cdk-nag's findings fail it, too):\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_the_fresh_templates_are_fresh(made: dict[str, dict[str, str]]) -> None:
    stale = [
        name
        for name, template in made["kept"].items()
        if not (TEMPLATES / name).exists() or (TEMPLATES / name).read_text("utf-8") != template
    ]
    assert not stale, (
        f"{', '.join(stale)} in {TEMPLATES.name}/ are not what aws_deploy/, the contracts and sql/ say now. Run `make synth`"
        " and commit them."
    )
    assert {path.name for path in TEMPLATES.glob("*.json")} == set(made["kept"])


def test_a_permission_that_nobody_gave_a_reason_for_fails_the_synthesis(
    made: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNEXPLAINED, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "AwsSolutions-IAM5[Resource::arn:aws:s3:::another-bucket/*]" in done.stdout + done.stderr


def test_what_a_deployment_chooses_is_in_its_templates(made: dict[str, dict[str, str]]) -> None:
    storage, pipeline = (
        json.loads(made["chosen"][stack])["Resources"] for stack in ("EcommerceStorage", "EcommercePipeline")
    )
    email = storage["Email1"]["Properties"]
    assert (email["Protocol"], email["Endpoint"]) == ("email", "data@example.com")
    [subscribe] = [
        it
        for it in storage["TopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        if it["Action"] == "sns:Subscribe"
    ]
    assert "111122223333" in json.dumps(subscribe["Principal"])
    assert storage["Workgroup"]["Properties"]["WorkGroupConfiguration"]["BytesScannedCutoffPerQuery"] == 5_000_000_000
    assert storage["Bucket"]["Properties"]["LoggingConfiguration"]["DestinationBucketName"] == "logs-of-mine"
    jobs = [resource["Properties"] for resource in pipeline.values() if resource["Type"] == "AWS::Glue::Job"]
    assert {job["NumberOfWorkers"] for job in jobs} == {4}
    assert {
        group["Properties"]["RetentionInDays"] for group in pipeline.values() if group["Type"] == "AWS::Logs::LogGroup"
    } == {7}
    assert pipeline["FilesWaitTooLong"]["Properties"]["Threshold"] == 900


@pytest.fixture(scope="module")
def dagsters(made: dict[str, dict[str, str]]) -> dict[str, Template]:
    """The Dagster stack with settings that change its template."""
    return {name: Template(ECOMMERCE, json.loads(template)) for name, template in made["dagster"].items()}


def test_cfn_lint_finds_nothing_in_what_the_settings_of_dagster_change(
    made: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    for name, template in made["dagster"].items():
        (tmp_path / f"{name}.json").write_text(template, "utf-8")
    cfn_lint = [str(Path(sys.executable).with_name("cfn-lint")), *map(str, sorted(tmp_path.glob("*.json")))]
    done = subprocess.run(cfn_lint, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_public_addresses_replace_the_nat_gateway_and_let_nobody_in(dagsters: dict[str, Template]) -> None:
    public = dagsters["public"]
    assert not public.of_type("AWS::EC2::NatGateway")
    for service in public.of_type("AWS::ECS::Service").values():
        assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "ENABLED"
    for rule in public.of_type("AWS::EC2::SecurityGroupIngress").values():
        assert "SourceSecurityGroupId" in rule
        assert "CidrIp" not in rule


@pytest.mark.parametrize(("name", "first"), [("oidc", "authenticate-oidc"), ("small_cognito", "authenticate-cognito")])
def test_a_load_balancer_is_reached_from_the_named_networks_and_asks_for_a_sign_in(
    dagsters: dict[str, Template], name: str, first: str
) -> None:
    template = dagsters[name]
    [listener] = template.of_type("AWS::ElasticLoadBalancingV2::Listener").values()
    assert [action["Type"] for action in listener["DefaultActions"]] == [first, "forward"]
    assert [action["Order"] for action in listener["DefaultActions"]] == [1, 2]
    assert (
        listener["DefaultActions"][0]["AuthenticateOidcConfig" if name == "oidc" else "AuthenticateCognitoConfig"][
            "OnUnauthenticatedRequest"
        ]
        == "authenticate"
    )
    assert (listener["Protocol"], listener["Port"]) == ("HTTPS", 443)
    assert not template.of_type("AWS::ElasticLoadBalancingV2::ListenerRule")
    groups = template.of_type("AWS::EC2::SecurityGroup")
    let_in = [rule["CidrIp"] for group in groups.values() for rule in group.get("SecurityGroupIngress", [])]
    assert let_in == ["203.0.113.0/24"]
    to_the_ui = [it for it in template.of_type("AWS::EC2::SecurityGroupIngress").values() if it["FromPort"] == 3000]
    assert [rule["SourceSecurityGroupId"] for rule in to_the_ui] == ["<FrontGroup.GroupId>"]


def test_the_users_own_subnets_are_used_and_no_network_is_made(dagsters: dict[str, Template]) -> None:
    theirs = dagsters["theirs"]
    made_here = {resource["Type"] for resource in theirs.whole["Resources"].values()}
    assert not made_here & {f"AWS::EC2::{kind}" for kind in ("VPC", "Subnet", "RouteTable", "NatGateway", "EIP")}
    for service in theirs.of_type("AWS::ECS::Service").values():
        assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"] == [
            "subnet-11111111",
            "subnet-22222222",
        ]
    [front] = theirs.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer").values()
    assert front["Subnets"] == ["subnet-33333333", "subnet-44444444"]
    assert {group["VpcId"] for group in theirs.of_type("AWS::EC2::SecurityGroup").values()} == {"<VpcId>"}
