"""`make deploy`, `make destroy` and `make smoke`: a deployment in the AWS account that boto3's own environment names
(AWS_PROFILE, AWS_REGION, …).

Settings choose what to deploy: DEPLOY_… (aws_deploy/settings.py) and LAKEHOUSE_…. If a deployment exists, its bucket
and names are in its stack: settings with other names are refused before anything is changed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from aws_deploy.costs import dagster_in_words
from aws_deploy.dagster.preparation import Prepared, prepare
from aws_deploy.dagster.rollout import build_image, is_deployed, remove_dagster, roll_out_dagster
from aws_deploy.dagster.smoke import dagster_runs
from aws_deploy.dagster.ui import forward
from aws_deploy.ecs_names import UI_PORT
from aws_deploy.ecs_settings import OnEcs
from aws_deploy.embedded import stored_templates
from aws_deploy.packaging import AWS_LAMBDA, Target
from aws_deploy.presets import PRESETS, Preset
from aws_deploy.removal import delete_bucket, delete_key, empty
from aws_deploy.rollout import Templates, roll_out
from aws_deploy.settings import Deployment, built_in_settings, read_choices
from aws_deploy.smoke import smoke_test
from aws_deploy.synth import synthesize
from lakehouse_assets.aws.client import Aws, failures_named
from lakehouse_assets.aws.stacks import PARAMETERS as NAMES
from lakehouse_assets.aws.stacks import bring_down, deployed_parameters, outputs_of, parameters_of
from lakehouse_assets.errors import BadConfiguration, LakehouseError
from lakehouse_assets.settings import Settings

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
PARAMETERS = {"orchestrator", "preset", *OnEcs.model_fields}
"""Choices that do not change the two templates: a parameter of one, which template it is, and those of Dagster."""
IN_TEMPLATES = ("contracts", "glue_job")
"""Settings of the lakehouse that are part of the templates, not parameters."""
OF_A_DEPLOYMENT = ("engine", "auto_bytes", "gate", "reject_limit", "reject_warning", *IN_TEMPLATES)
"""Settings of a deployment's Lambdas besides its names. The command line and Dagster need the same values to load and
validate as the Lambdas do.
"""


@app.command()
def up(yes: Yes = False) -> None:
    """Create or update the deployment, so that it matches this checkout. Can be repeated at any time."""
    with errors_printed():
        deployment, settings, aws = _deployment_and_account()
        prepared = prepare(deployment, settings, aws)
        if prepared:
            print(dagster_in_words(deployment))
        ask_first(f"Deploy {deployment.preset} with bucket {settings.bucket} to {_account(aws)}?", yes, "make deploy")
        outputs = deploy(deployment, settings, aws, AWS_LAMBDA, prepared)
        _print_usage(settings, aws, outputs)
        if prepared and deployment.ui == "private":
            print("  make ui    # Dagster's user interface, at http://127.0.0.1:3000")


@app.command()
def down(
    yes: Yes = False,
    data: Annotated[
        bool,
        typer.Option("--data", help="Also remove the bucket with every table, every file and every version."),
    ] = False,
    dagster: Annotated[bool, typer.Option("--dagster", help="Remove Dagster on ECS, and nothing else.")] = False,
) -> None:
    """Remove the deployment. The storage stack with the data stays, unless --data is given."""
    with errors_printed():
        deployment, settings, aws = _deployment_and_account()
        if dagster:
            ask_first(f"Remove Dagster on ECS from {_account(aws)}?", yes, "make destroy DAGSTER=1")
            remove_dagster(deployment.chosen_preset, aws, data=data, log=print)
            return
        what = (
            f"the pipeline AND ALL DATA in bucket {settings.bucket}"
            if data
            else f"the pipeline (bucket {settings.bucket} stays, with all data)"
        )
        ask_first(f"Remove {what} from {_account(aws)}?", yes, f"make destroy{' DATA=1' if data else ''}")
        remove(deployment.chosen_preset, settings, aws, data=data)


@app.command()
def smoke(
    load: Annotated[
        bool, typer.Option("--load", help="Also load sample files. Do not use it on tables with real data.")
    ] = False,
) -> None:
    """Test whether a deployment works. Nothing is changed, unless --load is given."""
    with errors_printed():
        deployment, settings, aws = _deployment_and_account()
        if deployment.has_dagster:
            dagster_runs(deployment.chosen_preset, aws, print)
        smoke_test(deployment.chosen_preset, settings, aws, load=load, log=print)


@app.command()
def ui(
    port: Annotated[int, typer.Option("--port", help="The port of this machine.", min=1, max=65535)] = UI_PORT,
) -> None:
    """Forward a port of this machine to Dagster's user interface, until Ctrl-C."""
    with errors_printed():
        raise typer.Exit(forward(read_choices()[0].chosen_preset, Aws(), port))


def deploy(
    deployment: Deployment,
    settings: Settings,
    aws: Aws,
    target: Target = AWS_LAMBDA,
    prepared: Prepared | None = None,
) -> dict[str, str]:
    """Creates or updates the stacks and the code. Returns the stacks' outputs. `prepared`: what Dagster needs, if the
    deployment has Dagster.

    Until Dagster runs for the first time, new files start the state machine: no file waits for a Dagster that is not
    there.
    """
    preset, templates = deployment.chosen_preset, templates_for(deployment, settings)
    runs = is_deployed(preset, aws)
    if prepared is None:
        if runs:
            print(f"Stack {preset.dagster_stack} is deployed, but not asked for. To remove it: make destroy DAGSTER=1")
        return roll_out(aws, settings, preset, templates, deployment.starts_batches, target, print)
    built = build_image(prepared, settings, print)
    starts = deployment.starts_batches if runs else "state_machine"
    outputs = roll_out(aws, settings, preset, templates, starts, target, print)
    outputs |= roll_out_dagster(deployment, settings, aws, prepared, built, outputs, print)
    if starts != deployment.starts_batches:
        outputs |= roll_out(aws, settings, preset, templates, deployment.starts_batches, target, print)
    return outputs


def templates_for(deployment: Deployment, settings: Settings) -> Templates:
    """The templates of the repository if they fit the settings: then Node.js is not needed. Otherwise CDK makes
    them.
    """
    preset = deployment.chosen_preset
    usual = deployment.model_dump(exclude=PARAMETERS) == Deployment.model_construct().model_dump(exclude=PARAMETERS)
    shipped = built_in_settings(preset)
    if usual and all(getattr(settings, name) == getattr(shipped, name) for name in IN_TEMPLATES):
        return stored_templates(preset.name)
    print("These settings change the templates: CDK makes them (half a minute)")
    made = synthesize([(deployment, settings)])
    return Templates(made[preset.storage_stack], made[preset.pipeline_stack])


def remove(preset: Preset, settings: Settings, aws: Aws, *, data: bool) -> None:
    """Removes the pipeline stack; with `data` everything else as well. AWS deletes the key after a waiting period.

    Only the bucket of the deployed storage stack is deleted. Raises BadConfiguration if the settings name another.
    """
    cloudformation, s3 = aws.client("cloudformation"), aws.client("s3")
    refuse_other_names(preset, settings, aws)
    bucket = _deployed_bucket(preset, aws)
    key = (outputs_of(cloudformation, preset.storage_stack) or {}).get("KeyArn")
    # First: its tasks have a role of the pipeline stack.
    remove_dagster(preset, aws, data=data, log=print)
    bring_down(cloudformation, preset.pipeline_stack, print)
    if not data:
        return
    if not bucket:
        bring_down(cloudformation, preset.storage_stack, print)
        print(f"No bucket was deleted: there is no stack {preset.storage_stack} that names one.")
        return
    # Before the stack is deleted, which names the bucket: emptying takes long, and can be repeated if interrupted.
    with failures_named(f"Emptying bucket {bucket}"):
        empty(s3, bucket)
    if key:
        # Before the stack is deleted, which names the key.
        with failures_named(f"Deleting key {key}"):
            delete_key(aws.client("kms"), key)
    bring_down(cloudformation, preset.storage_stack, print)
    with failures_named(f"Deleting bucket {bucket}"):
        delete_bucket(s3, bucket)
    print(
        f"Bucket {bucket} is deleted. AWS deletes its key in 7 days; until then `aws kms cancel-key-deletion` keeps it."
    )


def refuse_other_names(preset: Preset, settings: Settings, aws: Aws) -> None:
    """Raises BadConfiguration if the deployed storage stack has other names than the settings, or if the bucket belongs
    to another preset's stack.
    """
    for other in PRESETS.values():
        if other != preset and _deployed_bucket(other, aws) == settings.bucket:
            raise BadConfiguration(
                f"Bucket {settings.bucket} belongs to stack {other.storage_stack}, but the preset is {preset.name}. "
                f"Set DEPLOY_PRESET={other.name}, or another LAKEHOUSE_BUCKET."
            )
    asked, deployed = (
        parameters_of(settings),
        deployed_parameters(aws.client("cloudformation"), preset.storage_stack) or {},
    )
    different = [
        f"  - LAKEHOUSE_{setting.upper()}: deployed is {deployed[name]}, the setting is {asked[name]}"
        for setting, name in NAMES.items()
        if name in deployed and deployed[name] != asked[name]
    ]
    if different:
        raise BadConfiguration(
            f"Stack {preset.storage_stack} is deployed with other names than these settings say:\n"
            + "\n".join(different)
            + "\nSet the deployed names: they are chosen at the first deployment. For new names CloudFormation would"
            " create new, empty resources, and leave or delete the old ones."
        )


def _deployed_bucket(preset: Preset, aws: Aws) -> str | None:
    return (deployed_parameters(aws.client("cloudformation"), preset.storage_stack) or {}).get(NAMES["bucket"])


def _deployment_and_account() -> tuple[Deployment, Settings, Aws]:
    deployment, settings = read_choices()
    preset, aws = deployment.chosen_preset, Aws()
    if not os.environ.get("LAKEHOUSE_BUCKET"):
        settings = settings.model_copy(
            update={"bucket": _deployed_bucket(preset, aws) or _new_bucket(settings.bucket, aws)}
        )
    refuse_other_names(preset, settings, aws)
    return deployment, settings, aws


def _new_bucket(name: str, aws: Aws) -> str:
    """A name with account and region: names of buckets are unique in all of AWS."""
    with failures_named("Asking AWS who this is"):
        account = aws.client("sts").get_caller_identity()["Account"]
    return f"{name}-{account}-{aws.client('s3').meta.region_name}"


def _account(aws: Aws) -> str:
    with failures_named("Asking AWS who this is"):
        return f"account {aws.client('sts').get_caller_identity()['Account']}, {aws.client('s3').meta.region_name}"


def ask_first(question: str, yes: bool, command: str) -> None:
    """Asks for confirmation, unless `yes`. Raises typer.Abort if the answer is no, and BadConfiguration if there is no
    terminal to ask: an empty pipe is not a yes.
    """
    if yes:
        print(question.replace("?", " …"))
    elif sys.stdin.isatty():
        typer.confirm(question, abort=True)
    else:
        raise BadConfiguration(f"{question} Nothing was done. To run it without a question: {command} YES=1")


def _print_usage(settings: Settings, aws: Aws, outputs: dict[str, str]) -> None:
    for name, value in sorted(outputs.items()):
        print(f"  {name} = {value}")
    print("To use this deployment with the command line and Dagster:")
    print("  export " + " ".join(f"{name}={quote(value)}" for name, value in environment_for(settings, aws).items()))
    print(f"  aws s3 cp orders.csv s3://{settings.bucket}/{settings.raw_prefix}orders/    # a new file starts a batch")


def environment_for(settings: Settings, aws: Aws) -> dict[str, str]:
    """The environment for the command line and Dagster to use this deployment: its region, its bucket, and each of its
    settings that is not the default.
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
def errors_printed() -> Iterator[None]:
    """Prints a LakehouseError to stderr and exits with code 1."""
    try:
        yield
    except LakehouseError as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
