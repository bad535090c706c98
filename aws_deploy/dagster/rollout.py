"""Deploys and removes Dagster on ECS: the repository, the image in it, and the Dagster stack."""

from __future__ import annotations

import json
from collections.abc import Callable

from aws_deploy.dagster.image import build, digest_of, push
from aws_deploy.dagster.preparation import Prepared, environment_parameter, repository_arn
from aws_deploy.presets import Preset
from aws_deploy.rollout import template_upload
from aws_deploy.settings import Deployment
from lakehouse_assets.aws.client import Aws, failures_named
from lakehouse_assets.aws.stacks import bring_down, bring_up, deployed_parameters, outputs_of
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.landing.store import Store
from lakehouse_assets.settings import Settings

Log = Callable[[str], None]


def build_image(prepared: Prepared, settings: Settings, log: Log) -> str:
    """Builds the image if it is not there yet. Returns its local name, or "". Nothing in the account is changed."""
    return "" if prepared.image else build(prepared.tag, settings.contracts, log)


def roll_out_dagster(
    deployment: Deployment,
    settings: Settings,
    aws: Aws,
    prepared: Prepared,
    built: str,
    deployed: dict[str, str],
    log: Log,
) -> dict[str, str]:
    """Creates or updates the image's repository (unless DEPLOY_IMAGE names an image) and the Dagster stack. Returns the
    stacks' outputs. `built`: the image's local name, if it is to be pushed; `deployed`: the outputs of the storage
    stack and the pipeline stack.

    Raises BadConfiguration with the resources that failed. ECS gives a task that does not become healthy three tries;
    then CloudFormation puts everything back as it was.
    """
    cloudformation, preset = aws.client("cloudformation"), deployment.chosen_preset
    image_template, template = prepared.templates
    image, outputs = prepared.image, {}
    if not deployment.image:
        outputs = bring_up(cloudformation, preset.image_stack, image_template, {}, log)
    if built:
        image = _pushed(aws, outputs["RepositoryUri"], built, prepared.tag, log)
    wanted = {
        "Image": image,
        "RepositoryArn": repository_arn(image),
        "Environment": environment_parameter(deployment, settings, settings.bucket),
        "BucketName": settings.bucket,
        "ControlPrefix": settings.control_prefix,
        "TopicArn": deployed["TopicArn"],
        "KeyArn": deployed["KeyArn"],
        "TaskRoleArn": deployed["DagsterTaskRoleArn"],
        "Cpu": str(deployment.dagster_cpu),
        "MemoryMb": str(deployment.dagster_memory_mb),
        "DiskGb": str(deployment.dagster_disk_gb),
        **prepared.parameters,
    }
    log("Dagster's services are started: the database takes ten minutes the first time")
    known = json.loads(template)["Parameters"]
    return outputs | bring_up(
        cloudformation,
        preset.dagster_stack,
        template,
        {name: value for name, value in wanted.items() if name in known},
        log,
        template_upload(Store(aws.client("s3"), settings.bucket), settings, preset.dagster_stack),
    )


def _pushed(aws: Aws, repository: str, built: str, tag: str, log: Log) -> str:
    """The pushed image, by its digest."""
    ecr = aws.client("ecr")
    with failures_named("Pushing Dagster's image"):
        push(ecr, repository, built, tag, log)
        digest = digest_of(ecr, repository.partition("/")[2], tag)
    if digest is None:
        raise BadConfiguration(f"Docker pushed {repository}:{tag}, but ECR does not have it. Run the command again.")
    return f"{repository}@{digest}"


def is_deployed(preset: Preset, aws: Aws) -> bool:
    """Whether Dagster's stack was created. One whose creation failed does not count."""
    return deployed_parameters(aws.client("cloudformation"), preset.dagster_stack) is not None


def remove_dagster(preset: Preset, aws: Aws, *, data: bool, log: Log) -> None:
    """Removes the Dagster stack and the image's repository. The last snapshot of the database stays, unless `data` is
    given.
    """
    cloudformation = aws.client("cloudformation")
    outputs = outputs_of(cloudformation, preset.dagster_stack)
    bring_down(cloudformation, preset.dagster_stack, log)
    bring_down(cloudformation, preset.image_stack, log)
    if not (outputs and "DatabaseId" in outputs):
        return
    rds = aws.client("rds")
    with failures_named("Looking for the snapshots of Dagster's database"):
        found = rds.describe_db_snapshots(DBInstanceIdentifier=outputs["DatabaseId"], SnapshotType="manual")
        names = [snapshot["DBSnapshotIdentifier"] for snapshot in found["DBSnapshots"]]
        for name in names:
            if data:
                rds.delete_db_snapshot(DBSnapshotIdentifier=name)
            log(f"Snapshot {name} of Dagster's database is {'deleted' if data else 'kept ($0.095 a GB and month)'}")
