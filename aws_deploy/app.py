"""The CDK app: both stacks of one deployment. `make synth` and `make deploy` use it; so does CDK's command line in this
folder (`make diff`).
"""

from __future__ import annotations

import aws_cdk as cdk

from aws_deploy.nag import checked
from aws_deploy.settings import Deployment, lakehouse_settings, read_deployment
from aws_deploy.stacks.pipeline import PipelineStack
from aws_deploy.stacks.storage import StorageStack
from lakehouse_assets.settings import Settings


def app_of(deployment: Deployment, settings: Settings, folder: str | None = None) -> cdk.App:
    """The app with the stacks of one deployment. `folder`: where the assembly is written; None: the folder that CDK's
    command line chose.
    """
    app = cdk.App(outdir=folder, analytics_reporting=False)
    StorageStack(app, deployment.chosen_preset, settings, deployment)
    PipelineStack(app, deployment.chosen_preset, settings, deployment)
    return checked(app)


def main() -> None:
    deployment = read_deployment()
    app_of(deployment, lakehouse_settings(deployment.chosen_preset)).synth()


if __name__ == "__main__":
    main()
