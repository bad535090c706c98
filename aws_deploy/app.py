"""The CDK apps: the stacks of one deployment. `make synth` and `make deploy` use them. CDK's command line in this
folder (`make diff`) has all stacks of the deployment in one app.
"""

from __future__ import annotations

import aws_cdk as cdk

from aws_deploy.ecs_names import DAGSTER_STACK, IMAGE_STACK
from aws_deploy.nag import checked
from aws_deploy.settings import Deployment, lakehouse_settings, read_deployment
from aws_deploy.stacks.ecs.repository import ImageStack
from aws_deploy.stacks.ecs.stack import DagsterStack
from aws_deploy.stacks.pipeline import PipelineStack
from aws_deploy.stacks.storage import StorageStack
from lakehouse_assets.settings import Settings


def app_of(deployment: Deployment, settings: Settings, folder: str) -> cdk.App:
    """The app with the storage stack and the pipeline stack of one deployment. `folder`: where the assembly is
    written.
    """
    app = cdk.App(outdir=folder, analytics_reporting=False)
    StorageStack(app, deployment.chosen_preset, settings, deployment)
    PipelineStack(app, deployment.chosen_preset, settings, deployment)
    return checked(app)


def dagster_app_of(deployment: Deployment, folder: str) -> cdk.App:
    """The app with the Dagster stack. Its name is not that of the deployed stack, which begins with the preset's."""
    app = cdk.App(outdir=folder, analytics_reporting=False)
    DagsterStack(app, DAGSTER_STACK, deployment, deployment.log_days)
    return checked(app)


def image_app_of(folder: str) -> cdk.App:
    """The app with the image stack."""
    app = cdk.App(outdir=folder, analytics_reporting=False)
    ImageStack(app, IMAGE_STACK)
    return checked(app)


def main() -> None:
    deployment = read_deployment()
    app = cdk.App(analytics_reporting=False)
    settings = lakehouse_settings(deployment.chosen_preset)
    StorageStack(app, deployment.chosen_preset, settings, deployment)
    PipelineStack(app, deployment.chosen_preset, settings, deployment)
    if deployment.has_dagster:
        DagsterStack(app, deployment.chosen_preset.dagster_stack, deployment, deployment.log_days)
    checked(app).synth()


if __name__ == "__main__":
    main()
