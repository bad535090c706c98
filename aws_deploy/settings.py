"""The settings of a deployment besides the lakehouse's own: environment variables DEPLOY_…, validated once, with all
errors in one message.
"""

from __future__ import annotations

import os
from typing import Any, Literal

from pydantic import Field, field_validator

from aws_deploy.ecs_settings import Listed, OnEcs
from aws_deploy.presets import ECOMMERCE, PRESETS, Preset
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.settings import Settings, read_settings, validated

ENGINES = ("glue", "auto", "embedded")
"""Engines that can load rows in an AWS account."""
LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""What CloudWatch Logs accepts (PutRetentionPolicy)."""


class Deployment(OnEcs):
    """The settings of one deployment. Each is the environment variable DEPLOY_<NAME>."""

    preset: str = Field(
        "ecommerce",
        description=(
            "The names, the layout of the bucket and the trigger: `ecommerce` or `ecom_lakehouse`. (`acceptance` is the"
            " preset of `make acceptance`.)"
        ),
        json_schema_extra={"enum": list(PRESETS)},
    )
    orchestrator: Literal["state_machine", "dagster", "both"] = Field(
        "state_machine",
        description=(
            "What starts a batch when files land. The state machine is always deployed. With `dagster`, files that land"
            " start no state machine: Dagster is deployed, too (unless DEPLOY_DAGSTER is `own`), and its sensor reads"
            " the queue. With `both`, Dagster is deployed, and files still start the state machine."
        ),
    )
    worker_type: Literal["G.1X", "G.2X", "G.4X", "G.8X"] = Field(
        "G.1X", description="The size of a Glue job's workers."
    )
    workers: int = Field(
        10,
        ge=2,
        le=299,
        description="The maximum number of workers of a Glue run. Glue starts as many as the run's tasks keep busy.",
    )
    load_memory_mb: int = Field(
        3008,
        ge=512,
        le=10_240,
        description="The memory in MB of the Lambda that loads small batches (engines `auto` and `embedded`).",
    )
    listing_minutes: int = Field(
        10, ge=2, le=1440, description="The minutes between two listings of the bucket for files whose event was lost."
    )
    waiting_minutes: int = Field(
        60,
        ge=10,
        le=20_160,
        description="After how many minutes an alarm reports files that wait for a batch, or for its end.",
    )
    scan_limit_gb: int = Field(
        100, ge=1, description="How many GB one Athena query may scan. Athena stops a query that scans more."
    )
    log_days: int = Field(90, description="How many days logs are kept.", json_schema_extra={"enum": list(LOG_DAYS)})
    access_logs: str = Field(
        "", description="The bucket for the access logs of the lakehouse's bucket. Without one there are none."
    )
    emails: Listed = Field((), description="The e-mail addresses that are notified of each batch, separated by commas.")
    subscribers: Listed = Field(
        (),
        description=("The AWS accounts (or ARNs of principals) that may subscribe to the topic, separated by commas."),
    )

    @field_validator("preset")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in PRESETS:
            raise ValueError(f"there are: {', '.join(PRESETS)}")
        return name

    @field_validator("log_days")
    @classmethod
    def _is_what_cloudwatch_takes(cls, days: int) -> int:
        if days not in LOG_DAYS:
            raise ValueError(f"CloudWatch keeps logs for one of: {', '.join(map(str, LOG_DAYS))} days")
        return days

    @property
    def chosen_preset(self) -> Preset:
        return PRESETS[self.preset]

    @property
    def starts_batches(self) -> Literal["state_machine", "dagster"]:
        """What new files start."""
        return "dagster" if self.orchestrator == "dagster" else "state_machine"

    @property
    def has_dagster(self) -> bool:
        """Whether the deployment runs Dagster on ECS."""
        return self.orchestrator != "state_machine" and self.dagster != "own"


def read_deployment(**overrides: Any) -> Deployment:
    """The deployment's settings of this process; `overrides` take precedence over the environment. Raises
    BadConfiguration that names every variable with an invalid value.
    """
    return validated(Deployment, "These settings of the deployment", overrides)


def read_choices() -> tuple[Deployment, Settings]:
    """The deployment's settings and the lakehouse's. Raises BadConfiguration with the faults of both."""
    faults, deployment, settings = [], None, None
    try:
        deployment = read_deployment()
    except BadConfiguration as error:
        faults.append(str(error))
    try:
        settings = lakehouse_settings(deployment.chosen_preset if deployment else ECOMMERCE)
    except BadConfiguration as error:
        faults.append(str(error))
    if deployment is None or settings is None:
        raise BadConfiguration("\n".join(faults))
    return deployment, settings


def lakehouse_settings(preset: Preset) -> Settings:
    """The lakehouse's settings in an AWS account: from the environment, else from the preset, else the defaults. Raises
    BadConfiguration for invalid values, and for an engine that is not available there.
    """
    own = {name: value for name, value in preset.settings.items() if not os.environ.get(f"LAKEHOUSE_{name.upper()}")}
    settings = read_settings(aws="account", **own)
    if settings.chosen_engine not in ENGINES:
        raise BadConfiguration(
            f"LAKEHOUSE_ENGINE={settings.chosen_engine} is not available in a deployment. Use one of"
            f" {', '.join(ENGINES)}. With glue, Spark runs in Glue jobs."
        )
    return settings


def built_in_settings(preset: Preset) -> Settings:
    """The settings of the repository's templates: the preset's and the defaults, without this machine's environment."""
    return Settings.model_construct(**{"aws": "account", **dict(preset.settings)})
