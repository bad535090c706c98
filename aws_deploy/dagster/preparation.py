"""Checks the account before Dagster is deployed: is there an image, or a Docker to build it; do the subnets exist; does
the identity provider answer. One message names all faults, before anything is created.
"""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from aws_deploy.dagster.image import HOW_TO, digest_of, docker_works, tag_of
from aws_deploy.dagster.subnets import vpc_of
from aws_deploy.dagster.templates import templates_for
from aws_deploy.settings import Deployment
from aws_deploy.stacks.ecs.endpoints import ENDPOINTS
from lakehouse_assets.aws.client import Aws, failures_named
from lakehouse_assets.aws.stacks import outputs_of
from lakehouse_assets.contracts import SHIPPED
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.settings import Settings

OF_ECR = re.compile(
    r"^(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<name>[^:@]+)(?P<at>[:@])(?P<what>.+)$"
)
MOST_BYTES_OF_ENVIRONMENT = 4096
"""CloudFormation's limit for a parameter."""
SECONDS_OF_A_PROVIDER = 15
MOST_SECONDS_OF_A_SENSOR = 300


@dataclass(frozen=True)
class Prepared:
    """`image`: the image to run; "" if it has to be built and pushed, with the tag `tag`. `parameters`: those of the
    Dagster stack that come from the account and the identity provider. `templates`: of the image stack and of the
    Dagster stack.
    """

    image: str
    tag: str
    templates: tuple[str, str]
    parameters: dict[str, str] = field(default_factory=dict)


def prepare(deployment: Deployment, settings: Settings, aws: Aws) -> Prepared | None:
    """None if the deployment has no Dagster. Raises BadConfiguration with all faults."""
    if not deployment.has_dagster:
        return None
    faults: list[str] = []
    tag = tag_of(settings.contracts)
    if deployment.image:
        image = deployment.image
        faults += _image_faults(image, settings, aws)
    else:
        image = _pushed(deployment, aws, tag)
        if not image and not docker_works():
            faults.append(f"Dagster's image is neither in ECR nor can it be built: Docker does not answer. {HOW_TO}")
    if settings.sensor_seconds > MOST_SECONDS_OF_A_SENSOR:
        faults.append(
            f"LAKEHOUSE_SENSOR_SECONDS is {settings.sensor_seconds}, the most is {MOST_SECONDS_OF_A_SENSOR} on ECS: the"
            " alarm DaemonSilent expects an evaluation in each 15 minutes."
        )
    with failures_named("Looking at the subnets"):
        vpc = vpc_of(deployment, aws.client("ec2"), faults)
    parameters = vpc | _endpoints(deployment, faults)
    if len(environment_parameter(deployment, settings, "")) > MOST_BYTES_OF_ENVIRONMENT:
        faults.append("The LAKEHOUSE_ settings are too long for a parameter of CloudFormation (4,096 characters).")
    if faults:
        raise BadConfiguration(
            "Dagster cannot be deployed:\n" + "\n".join(f"  - {fault}" for fault in faults) + "\nNothing was changed."
        )
    return Prepared(image, tag, templates_for(deployment), parameters)


def environment_parameter(deployment: Deployment, settings: Settings, bucket: str) -> str:
    """The lakehouse's settings for the tasks, as a JSON object of variables: each that differs from the default."""
    usual = Settings.model_construct()
    # What belongs to a machine, or is decided here.
    own = {"home", "aws", "contracts", "bucket", "orchestrator", "ui_url"}
    chosen = {
        f"LAKEHOUSE_{name.upper()}": str(value)
        for name, value in settings
        if name not in own and value is not None and value != getattr(usual, name)
    }
    where = f"https://{deployment.ui_host}" if deployment.ui != "private" else "http://127.0.0.1:3000"
    fixed = {
        "LAKEHOUSE_AWS": "account",
        "LAKEHOUSE_BUCKET": bucket or settings.bucket,
        "LAKEHOUSE_ORCHESTRATOR": deployment.starts_batches,
        "LAKEHOUSE_UI_URL": settings.ui_url or where,
    }
    return json.dumps(fixed | chosen, sort_keys=True)


def _pushed(deployment: Deployment, aws: Aws, tag: str) -> str:
    """The image that this checkout makes, if it is in ECR already; else ""."""
    outputs = outputs_of(aws.client("cloudformation"), deployment.chosen_preset.image_stack)
    if not outputs:  # None, or empty if its creation failed
        return ""
    repository = outputs["RepositoryUri"]
    with failures_named("Looking for Dagster's image"):
        digest = digest_of(aws.client("ecr"), repository.partition("/")[2], tag)
    return f"{repository}@{digest}" if digest else ""


def _image_faults(image: str, settings: Settings, aws: Aws) -> list[str]:
    faults = []
    if settings.contracts != SHIPPED:
        faults.append(
            "LAKEHOUSE_CONTRACTS names contracts of your own, which the image of DEPLOY_IMAGE does not have. Leave out"
            " DEPLOY_IMAGE: then the deployment builds an image that has them."
        )
    ecr = aws.client("ecr")
    if (found := OF_ECR.match(image)) and found["region"] == ecr.meta.region_name:
        what = {"imageTag" if found["at"] == ":" else "imageDigest": found["what"]}
        try:
            ecr.describe_images(registryId=found["account"], repositoryName=found["name"], imageIds=[what])
        except ClientError as error:
            faults.append(f"DEPLOY_IMAGE={image}: ECR answers {error.response['Error']['Message']}")
    return faults


def repository_arn(image: str) -> str:
    """The repository that ECS may pull from. An image that is not in ECR needs no permission; then it is the ARN of a
    repository that does not exist, because a policy needs one.
    """
    if found := OF_ECR.match(image):
        return f"arn:aws:ecr:{found['region']}:{found['account']}:repository/{found['name']}"
    return "arn:aws:ecr:us-east-1:000000000000:repository/none"


def _endpoints(deployment: Deployment, faults: list[str]) -> dict[str, str]:
    """What the OIDC provider says of itself."""
    if deployment.ui != "oidc":
        return {}
    url = f"{deployment.ui_issuer}/.well-known/openid-configuration"
    try:
        with urllib.request.urlopen(url, timeout=SECONDS_OF_A_PROVIDER) as answer:  # noqa: S310 - https, by the settings
            said = json.loads(answer.read())
        return {parameter: str(said[name]) for name, parameter in ENDPOINTS.items()}
    except (urllib.error.URLError, OSError, ValueError, KeyError, TypeError) as error:
        faults.append(f"DEPLOY_UI_ISSUER: {url} does not describe an OIDC provider ({error!r})")
        return {}
