"""Sets up a lakehouse in the embedded AWS: the same storage stack that a deployment creates in an account, and the Glue
jobs. Idempotent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from lakehouse_assets import templates
from lakehouse_assets.aws.client import Aws
from lakehouse_assets.aws.stacks import FAILED_BEFORE_IT_WAS_MADE, PARAMETERS, bring_up, outputs_of, parameters_of
from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.glue.job import job_definition
from lakehouse_assets.glue.modules import of_this_machine
from lakehouse_assets.glue.uploads import upload_code, upload_contracts
from lakehouse_assets.landing.store import Store
from lakehouse_assets.settings import Settings

ROLE = "arn:aws:iam::000000000000:role/lakehouse-glue"
"""Glue jobs must have a role. The embedded Glue does not use it."""
OF_ONE_LAKEHOUSE = ("database", "workgroup", "queue", "topic")
"""Settings, besides the bucket, that two lakehouses of one AWS cannot share."""
STORAGE = Path(templates.__path__[0]) / "ecommerce-storage.json"


def bootstrap(settings: Settings, aws: Aws) -> None:
    """Creates the storage stack, or updates one of another version, and the Glue jobs if the engine may be `glue`. (In
    an AWS account only the deployment does this.)

    A bucket that exists without the stack (from another stack, or from a version without stacks) is left unchanged,
    with everything that belongs to it. Raises BadConfiguration if a lakehouse in another bucket has one of the names
    that this one would have.
    """
    cloudformation, stack = aws.client("cloudformation"), storage_stack(settings)
    is_new = outputs_of(cloudformation, stack) is None
    if not is_new or not _is_there(aws.client("s3"), settings.bucket):
        if is_new:
            _refuse_names_of_another(settings, cloudformation)
        bring_up(cloudformation, stack, STORAGE.read_text("utf-8"), parameters_of(settings))
    if settings.chosen_engine in ("glue", "auto"):
        make_jobs(settings, aws)


def storage_stack(settings: Settings) -> str:
    """The stack's name, made from the bucket's: several lakehouses may share one embedded AWS."""
    return f"{settings.bucket.replace('.', '-')}-storage"


def _refuse_names_of_another(settings: Settings, cloudformation: Any) -> None:
    wanted, bucket = parameters_of(settings), PARAMETERS["bucket"]
    for stack in (
        stack for page in cloudformation.get_paginator("describe_stacks").paginate() for stack in page["Stacks"]
    ):
        held = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack.get("Parameters", [])}
        taken = [name for name in OF_ONE_LAKEHOUSE if held.get(PARAMETERS[name]) == wanted[PARAMETERS[name]]]
        if (
            taken
            and held.get(bucket, settings.bucket) != settings.bucket
            and stack["StackStatus"] not in {"DELETE_COMPLETE", *FAILED_BEFORE_IT_WAS_MADE}
        ):
            raise BadConfiguration(
                f"The home {settings.home} has a lakehouse in the bucket {held[bucket]}. One in {settings.bucket}"
                f" cannot have the same {', '.join(taken)}. Set LAKEHOUSE_BUCKET={held[bucket]}, or set LAKEHOUSE_HOME"
                " to another folder. To have both in this home, give this one names of its own:"
                f" {', '.join(f'LAKEHOUSE_{name.upper()}' for name in taken)}."
            )


def _is_there(s3: Any, bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError:
        return False
    return True


def make_jobs(settings: Settings, aws: Aws) -> None:
    """Uploads the current code and contracts, and creates or updates the Glue job of each dataset."""
    store, glue = Store(aws.client("s3"), settings.bucket), aws.client("glue")
    code = upload_code(store, settings.control_prefix, of_this_machine())
    documents = upload_contracts(store, settings.control_prefix, settings.contracts)
    for contract in read_contracts(settings.contracts).values():
        _make_job(glue, job_definition(settings, contract, code, documents, ROLE))


def _make_job(glue: Any, wanted: dict[str, Any]) -> None:
    try:
        found = glue.get_job(JobName=wanted["Name"])["Job"]
    except glue.exceptions.EntityNotFoundException:
        glue.create_job(**wanted)
        return
    # A job with another role belongs to a deployment.
    if found["Role"] == ROLE and any(found.get(name) != value for name, value in wanted.items()):
        glue.update_job(
            JobName=wanted["Name"], JobUpdate={name: value for name, value in wanted.items() if name != "Name"}
        )
