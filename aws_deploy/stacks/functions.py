"""The Lambdas: each has its own role and log group, and its code is one of two zips."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from aws_deploy.handlers.convert import WORKBOOKS_AT_ONCE
from aws_deploy.packaging import ARCHITECTURE, RUNTIME
from aws_deploy.stacks.access import allow
from aws_deploy.stacks.access import logs as writes_log
from aws_deploy.stacks.site import Site, camel
from aws_deploy.stacks.steps import may
from aws_deploy.stacks.storage import AVAILABILITY_SECONDS
from aws_deploy.state_machine.tasks import LAMBDA_SECONDS
from lakehouse_assets.aws.stacks import PARAMETERS
from lakehouse_assets.landing.workbooks.archive import WorkbookLimits

OF_THE_LOAD = "load"
TIMEOUTS = {"availability": AVAILABILITY_SECONDS, "diagnose": 30}
"""Seconds, if less than Lambda's maximum."""
MEMORY = {
    "availability": 1769,
    "convert": WORKBOOKS_AT_ONCE * (WorkbookLimits.memory_bytes >> 20) + 512,
    "marker": 1024,
    "archive": 512,
}
"""MiB. A workbook is read by a process of its own, with a memory limit: a workbook that needs more is quarantined. The
Lambda has to have that much, or it would end before the limit takes effect.

The availability Lambda sends S3 one request for each pending file, which is bound by the CPU: Lambda gives one full
vCPU at 1,769 MB.
"""
DEFAULT_MEMORY = 512
DISK = {"convert": 10_240, "marker": 10_240, OF_THE_LOAD: 10_240}
"""MiB of /tmp: files of a batch are downloaded there, and the embedded engine spills there."""
ENGINE_SHARE = 0.6
"""Share of a Lambda's memory that the embedded engine may use. The rest is for Python, Arrow's buffers and the page
cache.
"""


def functions(site: Site) -> dict[str, lambda_.CfnFunction]:
    """Creates a Lambda for each role of the preset. Returns them by role."""
    return {role: _function(site, role, name) for role, name in site.preset.functions.items()}


def _function(site: Site, role: str, name: str) -> lambda_.CfnFunction:
    word = camel(role)
    group = log_group(site, f"{word}Log", f"/aws/lambda/{name}")
    statements = [
        *writes_log(site, f"/aws/lambda/{name}"),
        *may(site, role),
        *(_of_the_trigger(site) if role == "availability" else ()),
    ]
    memory = site.deployment.load_memory_mb if role == OF_THE_LOAD else MEMORY.get(role, DEFAULT_MEMORY)
    return lambda_.CfnFunction(
        site.stack,
        f"{word}Function",
        function_name=name,
        description=f"Lakehouse {site.preset.name}: aws_deploy/handlers/{role}.py",
        runtime=RUNTIME,
        architectures=[ARCHITECTURE],
        handler=f"aws_deploy.handlers.{role}.handler",
        code={"s3Bucket": site.settings.bucket, "s3Key": site.load_zip if role == OF_THE_LOAD else site.steps_zip},
        role=site.role(word, "lambda", statements, f"Lambda {name}"),
        memory_size=memory,
        timeout=TIMEOUTS.get(role, LAMBDA_SECONDS),
        ephemeral_storage={"size": DISK.get(role, 512)},
        environment={"variables": _environment(site, memory)},
        logging_config={"logGroup": group.ref},
        tracing_config={"mode": "PassThrough"},
    )


def _environment(site: Site, memory: int) -> dict[str, str]:
    settings = site.settings
    named = {f"LAKEHOUSE_{name.upper()}": str(getattr(settings, name)) for name in PARAMETERS}
    names = ("gate", "engine", "auto_bytes", "reject_limit", "reject_warning", "glue_job")
    chosen = {f"LAKEHOUSE_{name.upper()}": str(getattr(settings, name)) for name in names}
    return {
        **named,
        **chosen,
        "LAKEHOUSE_AWS": "account",
        "LAKEHOUSE_MEMORY_MB": str(int(memory * ENGINE_SHARE)),
        "STATE_MACHINE_ARN": site.machine,
    }


def _of_the_trigger(site: Site) -> list[iam.PolicyStatement]:
    return [
        allow("StartsTheMachine", ["states:StartExecution"], site.machine),
        allow("TakesMessages", ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], site.queue),
    ]


def log_group(site: Site, identifier: str, name: str) -> logs.CfnLogGroup:
    """A log group encrypted with the lakehouse's key, kept for the deployment's `log_days`."""
    return logs.CfnLogGroup(
        site.stack, identifier, log_group_name=name, retention_in_days=site.deployment.log_days, kms_key_id=site.key
    )
