"""The names that a deployment may choose, as parameters of a template. So one template serves every bucket, and every
home of the embedded AWS.
"""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk

from lakehouse_assets.aws.stacks import PARAMETERS
from lakehouse_assets.settings import Settings


def named_by_parameters(stack: cdk.Stack, settings: Settings) -> Settings:
    """The settings, with each name replaced by a reference to a new parameter whose default is that name."""
    references = {
        setting: cdk.CfnParameter(
            stack,
            parameter,
            type="String",
            default=getattr(settings, setting),
            description=Settings.model_fields[setting].description,
        ).value_as_string
        for setting, parameter in PARAMETERS.items()
    }
    # model_copy does not validate: a reference is not a valid name.
    return settings.model_copy(update=references)


def output(stack: cdk.Stack, name: str, value: Any, description: str) -> None:
    cdk.CfnOutput(stack, name, value=value, description=description)
