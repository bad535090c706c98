"""`make deploy`, `make destroy` and `make smoke`: a deployment in the AWS account that boto3's own environment names
(AWS_PROFILE, AWS_REGION, …).

What to deploy is settings: DEPLOY_… (aws_deploy/settings.py) and LAKEHOUSE_…. What is deployed already says which
bucket and which names are its own: settings that say otherwise are refused before anything is changed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from aws_deploy.embedded import kept
from aws_deploy.packaging import AWS_LAMBDA, Target
from aws_deploy.presets import PRESETS, Preset
from aws_deploy.rollout import Templates, roll_out
from aws_deploy.settings import Deployment, built_in_settings, lakehouse_settings, read_deployment
from aws_deploy.smoke import smoke_test
from aws_deploy.synth import synthesize
from lakehouse_assets.aws.client import Aws, failures_named
from lakehouse_assets.aws.stacks import PARAMETERS as NAMES
from lakehouse_assets.aws.stacks import bring_down, deployed_parameters, outputs_of, parameters_of
from lakehouse_assets.errors import BadConfiguration, LakehouseError
from lakehouse_assets.settings import Settings

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
PARAMETERS = {"orchestrator", "preset"}
"""Choices that change no template: a parameter of it, and which it is."""
IN_TEMPLATES = ("contracts", "glue_job")
"""Settings of the lakehouse that are no parameters."""
OF_A_DEPLOYMENT = ("engine", "auto_bytes", "gate", "reject_limit", "reject_warning", *IN_TEMPLATES)
"""Settings that a deployment's Lambdas have, beside its names: whoever else works on it should judge and load as they
do.
"""


@app.command()
def up(yes: Yes = False) -> None:
    """Create what is not there yet, and bring the rest up to this checkout. Can be repeated at any time."""
    with faults_told():
        deployment, settings, aws = _what_and_where()
        ask_first(f"Deploy {deployment.preset} with bucket {settings.bucket} to {_place(aws)}?", yes, "make deploy")
        outputs = deploy(deployment, settings, aws)
        _say_what_is_there(settings, aws, outputs)


@app.command()
def down(
    yes: Yes = False,
    data: Annotated[
        bool,
        typer.Option("--data", help="The bucket with all that is in it, too: every table, every file, every version."),
    ] = False,
) -> None:
    """Remove the deployment. The storage stack with the data stays, unless --data says otherwise."""
    with faults_told():
        deployment, settings, aws = _what_and_where()
        what = (
            f"the pipeline AND ALL DATA in bucket {settings.bucket}"
            if data
            else f"the pipeline (bucket {settings.bucket} stays, with all data)"
        )
        ask_first(f"Remove {what} from {_place(aws)}?", yes, f"make destroy{' DATA=1' if data else ''}")
        remove(deployment.chosen_preset, settings, aws, data=data)


@app.command()
def smoke(
    load: Annotated[
        bool, typer.Option("--load", help="Load sample files, too. Not into tables that people rely on.")
    ] = False,
) -> None:
    """Ask a deployment whether it works: nothing is changed, unless --load says otherwise."""
    with faults_told():
        deployment, settings, aws = _what_and_where()
        smoke_test(deployment.chosen_preset, settings, aws, load=load, tell=print)


def deploy(deployment: Deployment, settings: Settings, aws: Aws, target: Target = AWS_LAMBDA) -> dict[str, str]:
    """Both stacks and the code. Returns the stacks' outputs."""
    return roll_out(
        aws,
        settings,
        deployment.chosen_preset,
        templates_for(deployment, settings),
        deployment.orchestrator,
        target,
        print,
    )


def templates_for(deployment: Deployment, settings: Settings) -> Templates:
    """The kept templates where they are what these settings ask for: then no Node is needed. Else CDK makes them."""
    preset = deployment.chosen_preset
    usual = deployment.model_dump(exclude=PARAMETERS) == Deployment.model_construct().model_dump(exclude=PARAMETERS)
    shipped = built_in_settings(preset)
    if usual and all(getattr(settings, name) == getattr(shipped, name) for name in IN_TEMPLATES):
        return kept(preset.name)
    print("These settings change the templates: CDK makes them (half a minute)")
    made = synthesize([(deployment, settings)])
    return Templates(made[preset.storage_stack], made[preset.pipeline_stack])


def remove(preset: Preset, settings: Settings, aws: Aws, *, data: bool) -> None:
    """The pipeline stack; with `data` all the rest as well. The key is deleted by AWS after its waiting period.

    No bucket is touched but the deployed storage stack's. Raises BadConfiguration where that one is another than the
    settings'.
    """
    cloudformation, s3 = aws.client("cloudformation"), aws.client("s3")
    refuse_other_names(preset, settings, aws)
    bucket = _deployed_bucket(preset, aws)
    key = (outputs_of(cloudformation, preset.storage_stack) or {}).get("KeyArn")
    bring_down(cloudformation, preset.pipeline_stack, print)
    if not data:
        return
    if not bucket:
        bring_down(cloudformation, preset.storage_stack, print)
        print(f"There was no stack {preset.storage_stack} to say which bucket is its own, so none was deleted.")
        return
    # While the stack still says whose the bucket is: it takes long, and what is cut short is done again.
    with failures_named(f"Emptying bucket {bucket}"):
        _empty(s3, bucket)
    if key:
        # While the stack still says which key is its own.
        with failures_named(f"Deleting key {key}"):
            _delete_key(aws.client("kms"), key)
    bring_down(cloudformation, preset.storage_stack, print)
    with failures_named(f"Deleting bucket {bucket}"):
        delete_bucket(s3, bucket)
    print(f"Bucket {bucket} is gone; its key will be, in 7 days. (Until then: aws kms cancel-key-deletion.)")


def refuse_other_names(preset: Preset, settings: Settings, aws: Aws) -> None:
    """Raises BadConfiguration where the deployed storage stack has other names than the settings say, or where the
    bucket is another preset's.
    """
    for other in PRESETS.values():
        if other != preset and _deployed_bucket(other, aws) == settings.bucket:
            raise BadConfiguration(
                f"Bucket {settings.bucket} is that of stack {other.storage_stack}, and this is preset {preset.name}. "
                f"Set DEPLOY_PRESET={other.name}, or another LAKEHOUSE_BUCKET."
            )
    asked, deployed = (
        parameters_of(settings),
        deployed_parameters(aws.client("cloudformation"), preset.storage_stack) or {},
    )
    different = [
        f"  - LAKEHOUSE_{setting.upper()}: deployed is {deployed[name]}, asked for is {asked[name]}"
        for setting, name in NAMES.items()
        if name in deployed and deployed[name] != asked[name]
    ]
    if different:
        raise BadConfiguration(
            f"Stack {preset.storage_stack} is deployed with other names than these settings say:\n"
            + "\n".join(different)
            + "\nSet what is deployed: names are chosen at the first deployment. CloudFormation would make new, empty"
            " things under the new ones, and leave or delete the old ones."
        )


def _deployed_bucket(preset: Preset, aws: Aws) -> str | None:
    return (deployed_parameters(aws.client("cloudformation"), preset.storage_stack) or {}).get(NAMES["bucket"])


def _empty(s3: Any, bucket: str) -> None:
    """Every version of every object. A bucket that is not there is empty."""
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if found:
                s3.delete_objects(
                    Bucket=bucket,
                    Delete={
                        "Objects": [{"Key": item["Key"], "VersionId": item["VersionId"]} for item in found],
                        "Quiet": True,
                    },
                )
    except s3.exceptions.NoSuchBucket:
        return


def _delete_key(kms: Any, key: str) -> None:
    """After the least of AWS's waiting periods. One that waits for its deletion already goes on doing so."""
    try:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    except kms.exceptions.KMSInvalidStateException:
        return


def delete_bucket(s3: Any, bucket: str) -> None:
    """With all that is in it. One that is not there is no fault."""
    _empty(s3, bucket)
    try:
        s3.delete_bucket(Bucket=bucket)
    except s3.exceptions.NoSuchBucket:
        return


def _what_and_where() -> tuple[Deployment, Settings, Aws]:
    deployment = read_deployment()
    preset, aws = deployment.chosen_preset, Aws()
    settings = lakehouse_settings(preset)
    if not os.environ.get("LAKEHOUSE_BUCKET"):
        settings = settings.model_copy(
            update={"bucket": _deployed_bucket(preset, aws) or _new_bucket(settings.bucket, aws)}
        )
    refuse_other_names(preset, settings, aws)
    return deployment, settings, aws


def _new_bucket(name: str, aws: Aws) -> str:
    """A bucket's name is one in all of AWS."""
    with failures_named("Asking AWS who this is"):
        account = aws.client("sts").get_caller_identity()["Account"]
    return f"{name}-{account}-{aws.client('s3').meta.region_name}"


def _place(aws: Aws) -> str:
    with failures_named("Asking AWS who this is"):
        return f"account {aws.client('sts').get_caller_identity()['Account']}, {aws.client('s3').meta.region_name}"


def ask_first(question: str, yes: bool, command: str) -> None:
    """Goes on where the answer is yes. Raises BadConfiguration where there is nobody to answer: a pipe that is empty
    has agreed to nothing.
    """
    if yes:
        print(question.replace("?", " …"))
    elif sys.stdin.isatty():
        typer.confirm(question, abort=True)
    else:
        raise BadConfiguration(f"{question} Nothing was done. To do it without being asked: {command} YES=1")


def _say_what_is_there(settings: Settings, aws: Aws, outputs: dict[str, str]) -> None:
    for name, value in sorted(outputs.items()):
        print(f"  {name} = {value}")
    print("The command line and Dagster work on it with:")
    print("  export " + " ".join(f"{name}={quote(value)}" for name, value in environment_for(settings, aws).items()))
    print(
        f"  aws s3 cp orders.csv s3://{settings.bucket}/{settings.raw_prefix}orders/    # a file that lands starts a"
        " batch"
    )


def environment_for(settings: Settings, aws: Aws) -> dict[str, str]:
    """The environment in which the command line and Dagster work on this deployment: where it is, its bucket, and each
    setting of it that is no default.
    """
    usual = Settings.model_construct()
    chosen = {
        name: getattr(settings, name)
        for name in (*NAMES, *OF_A_DEPLOYMENT)
        if name == "bucket" or getattr(settings, name) != getattr(usual, name)
    }
    named = {
        f"LAKEHOUSE_{name.upper()}": str(value.absolute() if isinstance(value, Path) else value)
        for name, value in chosen.items()
    }
    return {"LAKEHOUSE_AWS": "account", "AWS_REGION": aws.client("s3").meta.region_name} | named


@contextmanager
def faults_told() -> Iterator[None]:
    """What went wrong is written to stderr, and the exit code is 1."""
    try:
        yield
    except LakehouseError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
