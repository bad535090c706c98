"""A whole deployment on the embedded AWS: the very templates that `make deploy` brings up, as they are kept in
templates/, so that no Node is needed.

The embedded AWS reproduces all of it but what `embedded_aws/__init__.py` lists. Needs the project's source tree:
aws_deploy/ is in no wheel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from aws_deploy.packaging import this_machine
from aws_deploy.presets import PRESETS
from aws_deploy.rollout import Templates, roll_out
from lakehouse_assets import templates
from lakehouse_assets.aws.client import Aws
from lakehouse_assets.aws.stacks import outputs_of, untold
from lakehouse_assets.local.bootstrap import storage_stack
from lakehouse_assets.settings import Settings


def deploy(
    settings: Settings,
    aws: Aws,
    preset: str = "ecommerce",
    orchestrator: Literal["state_machine", "dagster"] = "state_machine",
) -> dict[str, str]:
    """Brings up both stacks of a preset. Returns their outputs. Doing it again changes nothing, and takes a moment."""
    # A home that is in use has its storage already.
    present = outputs_of(aws.client("cloudformation"), storage_stack(settings)) is not None
    name = storage_stack(settings) if present else None
    return roll_out(aws, settings, PRESETS[preset], kept(preset), orchestrator, this_machine(), untold, name)


def kept(preset: str) -> Templates:
    """The templates of a preset as the repository has them."""
    folder = Path(templates.__path__[0])
    return Templates(*((folder / f"{preset}-{part}.json").read_text("utf-8") for part in ("storage", "pipeline")))
