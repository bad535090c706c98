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

from aws_deploy.synth import TEMPLATES

SYNTHESIS = """
import json, sys
from aws_deploy.presets import PRESETS
from aws_deploy.settings import Deployment, built_in_settings
from aws_deploy.synth import fresh_templates, synthesize

chosen = Deployment.model_construct(preset="ecommerce", emails=("data@example.com",), subscribers=("111122223333",), workers=4, log_days=7,
    scan_limit_gb=5, waiting_minutes=15, access_logs="logs-of-mine")
print(json.dumps({
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
