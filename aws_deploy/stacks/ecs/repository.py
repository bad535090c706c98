"""The image stack: the repository of Dagster's image. It is a stack of its own, because the image has to be there
before the services that start it.
"""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr

from aws_deploy.stacks.names import output

IMAGES_KEPT = 5
"""The running one and those to which a deployment could go back."""


class ImageStack(cdk.Stack):
    def __init__(self, app: cdk.App, name: str) -> None:
        super().__init__(
            app,
            name,
            description="Lakehouse: the repository of Dagster's image.",
            synthesizer=cdk.BootstraplessSynthesizer(),
        )
        expiry = {
            "rulePriority": 1,
            "description": f"Keep the newest {IMAGES_KEPT}.",
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": IMAGES_KEPT},
            "action": {"type": "expire"},
        }
        repository = ecr.CfnRepository(
            self,
            "Repository",
            # A tag stands for the contents that the image was built from.
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scanOnPush": True},
            encryption_configuration={"encryptionType": "AES256"},
            lifecycle_policy={"lifecyclePolicyText": json.dumps({"rules": [expiry]})},
            empty_on_delete=True,
        )
        output(self, "RepositoryUri", repository.attr_repository_uri, "Where Dagster's image is pushed")
        output(self, "RepositoryArn", repository.attr_arn, "The ARN of that repository")
