"""What a fresh embedded AWS needs before the first batch: the very storage stack that a deployment brings up in an
account, and the Glue jobs. Idempotent.
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
"""A job has a role; the embedded Glue asks it for nothing."""
OF_ONE_LAKEHOUSE = ("database", "workgroup", "queue", "topic")
"""Settings that no two lakehouses of one AWS share, the bucket aside."""
STORAGE = Path(templates.__path__[0]) / "ecommerce-storage.json"


def bootstrap(settings: Settings, aws: Aws) -> None:
    """Brings up what is not there, or is of another version. In an AWS account the deployment does this, never the
    program.

    A bucket that came from elsewhere (another stack; a home from before there were stacks) is left as it is, with all
    that belongs to it. Raises BadConfiguration where another bucket's lakehouse has the names that this one would have.
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
    """The stack's name: many lakehouses may share one embedded AWS."""
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
                f"The home {settings.home} has a lakehouse in the bucket {held[bucket]}; another in {settings.bucket}"
                f" cannot have the same {', '.join(taken)}. Set LAKEHOUSE_BUCKET={held[bucket]}, or LAKEHOUSE_HOME to"
                " another folder; to have both in this home, give this one names of its own:"
                f" {', '.join(f'LAKEHOUSE_{name.upper()}' for name in taken)}."
            )


def _is_there(s3: Any, bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError:
        return False
    return True


def make_jobs(settings: Settings, aws: Aws) -> None:
    """Uploads the code as it is now, and brings each dataset's Glue job up to it."""
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
    # A job of another role is a deployment's.
    if found["Role"] == ROLE and any(found.get(name) != value for name, value in wanted.items()):
        glue.update_job(
            JobName=wanted["Name"], JobUpdate={name: value for name, value in wanted.items() if name != "Name"}
        )
