"""The names that a deployment may choose, as parameters of a template: one template serves every bucket, and every home
of the embedded AWS.
"""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk

from lakehouse_assets.aws.stacks import PARAMETERS
from lakehouse_assets.settings import Settings


def named_by_parameters(stack: cdk.Stack, settings: Settings) -> Settings:
    """The settings, with a reference to a parameter in place of each name; the parameter's default is the setting
    itself.
    """
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
    # A copy is not validated again: a reference is no name yet.
    return settings.model_copy(update=references)


def output(stack: cdk.Stack, name: str, value: Any, description: str) -> None:
    cdk.CfnOutput(stack, name, value=value, description=description)
