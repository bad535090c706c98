"""Deploys from two templates: the storage stack, then the code into its bucket, then the pipeline stack. `make deploy`
and the embedded AWS both use it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from aws_deploy.glue_modules import upload_modules
from aws_deploy.packaging import AWS_LAMBDA, Target, upload_lambda_code
from aws_deploy.presets import Preset
from lakehouse_assets.aws.client import Aws, failures_named
from lakehouse_assets.aws.stacks import bring_up, parameters_of
from lakehouse_assets.glue.modules import of_this_machine
from lakehouse_assets.glue.uploads import upload_code, upload_contracts
from lakehouse_assets.landing.store import Store
from lakehouse_assets.landing.zone import CODE
from lakehouse_assets.settings import Settings

Log = Callable[[str], None]


@dataclass(frozen=True)
class Templates:
    """The two templates of a preset, as JSON texts."""

    storage: str
    pipeline: str


def roll_out(
    aws: Aws,
    settings: Settings,
    preset: Preset,
    templates: Templates,
    orchestrator: Literal["state_machine", "dagster"] = "state_machine",
    target: Target = AWS_LAMBDA,
    log: Log = print,
    storage_stack: str | None = None,
) -> dict[str, str]:
    """Creates or updates both stacks, and uploads the code. Returns the outputs of both stacks. A second call changes
    nothing.

    `orchestrator`: what new files start. `target`: the platform of the Lambdas. `storage_stack`: the storage stack's
    name, if it is not the preset's.

    Raises BadConfiguration with the resources that could not be created; an existing deployment then works as before.
    """
    cloudformation = aws.client("cloudformation")
    store = Store(aws.client("s3"), settings.bucket)
    storage = bring_up(
        cloudformation, storage_stack or preset.storage_stack, templates.storage, parameters_of(settings), log
    )
    with failures_named("Uploading the code"):
        located = _located(store, settings, target, log)
    chosen = {
        "Orchestrator": orchestrator,
        "Engine": settings.chosen_engine,
        "Gate": settings.gate,
        "AutoBytes": str(settings.auto_bytes),
        "RejectLimit": str(settings.reject_limit),
        "RejectWarning": str(settings.reject_warning),
        "KeyArn": storage["KeyArn"],
    }
    pipeline = bring_up(
        cloudformation,
        preset.pipeline_stack,
        templates.pipeline,
        {**parameters_of(settings), **chosen, **located},
        log,
        template_upload(store, settings, preset.pipeline_stack),
    )
    return storage | pipeline


def template_upload(store: Store, settings: Settings, stack: str) -> Callable[[str], str]:
    """A function that uploads a template of this stack and returns its URL, for `bring_up`."""

    def put(template: str) -> str:
        key = f"{settings.control_prefix}{CODE}{stack}.json"
        store.s3.put_object(Bucket=store.bucket, Key=key, Body=template.encode())
        # Path style: CloudFormation accepts it as well as the bucket's own host, and the embedded one accepts only it.
        return f"https://s3.{store.s3.meta.region_name}.amazonaws.com/{store.bucket}/{key}"

    return put


def _located(store: Store, settings: Settings, target: Target, log: Log) -> Mapping[str, str]:
    """Uploads the code and returns its locations, by parameter of the pipeline stack."""
    log("Uploading the Glue jobs' and the Lambdas' code")
    # The embedded AWS runs Glue jobs and Lambdas with this machine's Python.
    modules = upload_modules(store, settings.control_prefix) if target.platform else of_this_machine()
    code = upload_code(store, settings.control_prefix, modules)
    contracts = upload_contracts(store, settings.control_prefix, settings.contracts)
    lambdas = upload_lambda_code(store, settings.control_prefix, settings.contracts, target)
    return {
        "WheelLocation": code.wheel,
        "LogStoreLocation": code.log_store,
        "ScriptLocation": code.script,
        "Modules": code.modules,
        "ContractsLocation": contracts,
        "StepsCodeKey": lambdas.steps,
        "LoadCodeKey": lambdas.load,
    }
