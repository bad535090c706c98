"""A deployment from its two templates: the storage stack, the code into its bucket, the pipeline stack. `make deploy`
and the embedded AWS do the same.
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

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Templates:
    """The two templates of a preset, as texts."""

    storage: str
    pipeline: str


def roll_out(
    aws: Aws,
    settings: Settings,
    preset: Preset,
    templates: Templates,
    orchestrator: Literal["state_machine", "dagster"] = "state_machine",
    target: Target = AWS_LAMBDA,
    tell: Tell = print,
    storage_stack: str | None = None,
) -> dict[str, str]:
    """Brings both stacks up to the templates, and the bucket up to the code. Returns the outputs of both; doing it
    again changes nothing.

    `storage_stack`: its name, where it is not the preset's.

    Raises BadConfiguration with what could not be made; what was there before then goes on as it was.
    """
    cloudformation = aws.client("cloudformation")
    store = Store(aws.client("s3"), settings.bucket)

    def put(template: str) -> str:
        key = f"{settings.control_prefix}{CODE}{preset.pipeline_stack}.json"
        store.s3.put_object(Bucket=store.bucket, Key=key, Body=template.encode())
        # By path, which CloudFormation takes as well as the bucket's own host: the embedded one knows this form only.
        return f"https://s3.{store.s3.meta.region_name}.amazonaws.com/{store.bucket}/{key}"

    storage = bring_up(
        cloudformation, storage_stack or preset.storage_stack, templates.storage, parameters_of(settings), tell
    )
    with failures_named("Uploading the code"):
        located = _located(store, settings, target, tell)
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
        tell,
        put,
    )
    return storage | pipeline


def _located(store: Store, settings: Settings, target: Target, tell: Tell) -> Mapping[str, str]:
    """The code, by the pipeline's parameters."""
    tell("The Glue jobs' and the Lambdas' code")
    # The embedded AWS's Glue, like its Lambdas, works with this machine's Python.
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
