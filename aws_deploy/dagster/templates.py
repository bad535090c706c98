"""The templates of the image stack and of the Dagster stack: those of the repository if they fit the settings, which
needs no Node.js; otherwise CDK makes them.
"""

from __future__ import annotations

from aws_deploy.ecs_settings import OnEcs
from aws_deploy.settings import Deployment
from aws_deploy.synth import IMAGE_TEMPLATE, TEMPLATES, dagster_template, synthesize_dagster

IN_THE_TEMPLATE = ("network", "subnets", *(name for name in OnEcs.model_fields if name.startswith("ui")))
"""Settings that are part of the Dagster stack's template, not parameters."""


def templates_for(deployment: Deployment) -> tuple[str, str]:
    """The image stack's template and the Dagster stack's."""
    image = (TEMPLATES / IMAGE_TEMPLATE).read_text("utf-8")
    usual = Deployment.model_construct()
    if all(getattr(deployment, name) == getattr(usual, name) for name in (*IN_THE_TEMPLATE, "log_days")):
        return image, (TEMPLATES / dagster_template(deployment.dagster)).read_text("utf-8")
    print("These settings change Dagster's template: CDK makes it (half a minute)")
    return image, synthesize_dagster(deployment)
