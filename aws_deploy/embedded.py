"""A whole deployment on the embedded AWS, from the templates that `make deploy` uses. They are in the repository, so
Node.js is not needed.

The embedded AWS lacks what `embedded_aws/__init__.py` lists. Needs a checkout: aws_deploy/ is not part of the wheel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from aws_deploy.packaging import this_machine
from aws_deploy.presets import PRESETS
from aws_deploy.rollout import Templates, roll_out
from lakehouse_assets import templates
from lakehouse_assets.aws.client import Aws
from lakehouse_assets.aws.stacks import no_output, outputs_of
from lakehouse_assets.local.bootstrap import storage_stack
from lakehouse_assets.settings import Settings


def deploy(
    settings: Settings,
    aws: Aws,
    preset: str = "ecommerce",
    orchestrator: Literal["state_machine", "dagster"] = "state_machine",
) -> dict[str, str]:
    """Deploys both stacks of a preset. Returns their outputs. A second call changes nothing and takes a moment."""
    # A home in use has a storage stack already, with a name of its own.
    present = outputs_of(aws.client("cloudformation"), storage_stack(settings)) is not None
    name = storage_stack(settings) if present else None
    return roll_out(
        aws, settings, PRESETS[preset], stored_templates(preset), orchestrator, this_machine(), no_output, name
    )


def stored_templates(preset: str) -> Templates:
    """The templates of a preset in the repository."""
    folder = Path(templates.__path__[0])
    return Templates(*((folder / f"{preset}-{part}.json").read_text("utf-8") for part in ("storage", "pipeline")))
