"""The CDK app. `make synth` runs it; so does the CDK's own command line in this folder (cdk.json), for `npx cdk diff` and the like.

Without settings of a deployment in its environment it makes the templates that are kept in the repository.
"""

from __future__ import annotations

import aws_cdk as cdk

from aws_deploy.nag import checked
from aws_deploy.settings import Deployment
from aws_deploy.stacks.pipeline import PipelineStack
from aws_deploy.stacks.storage import StorageStack
from lakehouse_assets.settings import Settings

QUIET = {"analyticsReporting": False, "aws:cdk:disable-asset-staging": True, "aws:cdk:enable-path-metadata": False}


def app_of(deployment: Deployment, settings: Settings, folder: str | None = None) -> cdk.App:
    """The stacks of one deployment."""
    app = cdk.App(outdir=folder, analytics_reporting=False)
    StorageStack(app, deployment.chosen_preset, settings, deployment)
    PipelineStack(app, deployment.chosen_preset, settings, deployment)
    return checked(app)
