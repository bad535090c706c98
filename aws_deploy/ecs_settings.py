"""The settings of Dagster on ECS: environment variables DEPLOY_…. They have no effect if the state machine is the
only orchestrator.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SIZES = {
    256: range(512, 2048 + 1),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
}
"""The memory in MB that Fargate takes with each number of CPU units."""
LEAST_SMALL_MB = 4096
"""Three processes of Dagster, and a run."""
NAMED = re.compile(r"^[a-z0-9][^\s@]*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})$")
SUBNET = re.compile(r"^subnet-[0-9a-f]{8,17}$")
ARN = re.compile(r"^arn:aws:[a-z0-9-]+:[a-z0-9-]*:\d*:.+$")
HOST = re.compile(r"^(?=.{4,253}$)[a-z0-9-]+(\.[a-z0-9-]+)+$")
ONLY_FOR_LOGIN = ("ui_host", "ui_certificate", "ui_networks", "ui_client_id")
OF_OIDC, OF_COGNITO = ("ui_issuer", "ui_client_secret"), ("ui_user_pool", "ui_user_pool_domain")


def _listed(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
"""Texts, separated by commas in the environment variable."""


class OnEcs(BaseSettings):
    """Each is the environment variable DEPLOY_<NAME>."""

    model_config = SettingsConfigDict(
        env_prefix="DEPLOY_", frozen=True, extra="ignore", env_ignore_empty=True, validate_default=True
    )

    dagster: Literal["full", "small", "own"] = Field(
        "full",
        description=(
            "With the orchestrator `dagster` or `both`: `full` gives webserver, daemon, code server and each run a task"
            " of its own on ECS; `small` puts all of them into one task; `own` deploys nothing, because you run Dagster"
            " yourself."
        ),
    )
    image: str = Field(
        "",
        description=(
            "The image of Dagster, with a tag or a digest. Without one the deployment builds it with Docker, and pushes"
            " it to a repository of its own in ECR."
        ),
    )
    dagster_cpu: int = Field(
        1024,
        description="CPU units (1024 are a core) of a run's task; with `small`, of the one task.",
        json_schema_extra={"enum": list(SIZES)},
    )
    dagster_memory_mb: int = Field(4096, description="The memory in MB of the same task.")
    dagster_disk_gb: int = Field(
        50, ge=21, le=200, description="The disk in GB of the same task. A batch's files are copied to it."
    )
    network: Literal["private", "public"] = Field(
        "private",
        description=(
            "How the tasks reach AWS: `private` through a NAT gateway, or through whatever your own subnets have;"
            " `public` by a public address of each task, to which nothing can connect. That is cheaper."
        ),
    )
    subnets: Listed = Field(
        (),
        description=(
            "Your own subnets for Dagster, in two availability zones at least, separated by commas. Without any, the"
            " deployment makes a VPC."
        ),
    )
    ui: Literal["private", "oidc", "cognito"] = Field(
        "private",
        description=(
            "How people reach Dagster's user interface, which has no password: `private` is not reachable, and `make"
            " ui` forwards it to your machine; `oidc` and `cognito` put a load balancer in front of it that asks for a"
            " sign-in."
        ),
    )
    ui_host: str = Field("", description="With a load balancer: the host name of the user interface.")
    ui_certificate: str = Field("", description="With a load balancer: the ARN of that name's certificate in ACM.")
    ui_networks: Listed = Field(
        (), description="With a load balancer: the networks (CIDR) from which it is reached, separated by commas."
    )
    ui_subnets: Listed = Field(
        (), description="With a load balancer and your own subnets: its subnets, separated by commas."
    )
    ui_client_id: str = Field("", description="With a load balancer: the client's id at the identity provider.")
    ui_issuer: str = Field("", description="With `oidc`: the issuer's URL (https://…).")
    ui_client_secret: str = Field(
        "",
        description="With `oidc`: the ARN of the secret in Secrets Manager that has the client's secret as its text.",
    )
    ui_user_pool: str = Field("", description="With `cognito`: the ARN of the user pool.")
    ui_user_pool_domain: str = Field("", description="With `cognito`: the domain (prefix) of the user pool.")

    @field_validator("image")
    @classmethod
    def _says_which_image(cls, image: str) -> str:
        if image and (not NAMED.match(image) or image.endswith(":latest")):
            raise ValueError(
                "give a tag or a digest (REPOSITORY:TAG, REPOSITORY@sha256:…). `latest` would not say which image runs"
            )
        return image

    @field_validator("dagster_cpu")
    @classmethod
    def _is_a_size(cls, cpu: int) -> int:
        if cpu not in SIZES:
            raise ValueError(f"Fargate has {', '.join(map(str, SIZES))} CPU units")
        return cpu

    @field_validator("dagster_memory_mb")
    @classmethod
    def _fits(cls, memory: int, info: ValidationInfo) -> int:
        sizes = SIZES.get(info.data.get("dagster_cpu", 0))
        fitting = sizes is None or (memory in (512, 1024, 2048) if sizes[0] == 512 else memory in sizes)
        if not fitting and sizes is not None:
            raise ValueError(
                f"with DEPLOY_DAGSTER_CPU={info.data['dagster_cpu']} Fargate takes {sizes[0]} to {sizes[-1]} MB, in"
                f" steps of {sizes.step if sizes.step > 1 else 'a factor of two'}"
            )
        if info.data.get("dagster") == "small" and memory < LEAST_SMALL_MB:
            raise ValueError(f"DEPLOY_DAGSTER=small needs {LEAST_SMALL_MB} MB at least: all processes are in one task")
        return memory

    @field_validator("subnets", "ui_subnets")
    @classmethod
    def _are_subnets(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [name for name in names if not SUBNET.match(name)]:
            raise ValueError(f"{', '.join(wrong)} is not the id of a subnet (subnet-…)")
        if len(set(names)) == 1:
            raise ValueError("give two at least, in different availability zones: RDS and load balancers require it")
        return names

    @field_validator("ui", mode="before")
    @classmethod
    def _is_not_open(cls, value: Any) -> Any:
        if value in ("public", "open", "none", "alb"):
            raise ValueError(
                "Dagster's user interface has no password: whoever reaches it can run code with the lakehouse's"
                " permissions. It is not put on the internet without a sign-in. Use private, oidc or cognito"
            )
        return value

    @field_validator(*ONLY_FOR_LOGIN, "ui_subnets", *OF_OIDC, *OF_COGNITO)
    @classmethod
    def _is_there_where_it_is_needed(cls, value: Any, info: ValidationInfo) -> Any:
        name, ui = str(info.field_name), info.data.get("ui")
        needed = {
            "oidc": {*ONLY_FOR_LOGIN, *OF_OIDC},
            "cognito": {*ONLY_FOR_LOGIN, *OF_COGNITO},
        }.get(str(ui), set())
        if not value and name in needed:
            raise ValueError(f"DEPLOY_UI={ui} needs it")
        if value and ui == "private":
            raise ValueError("it is for a load balancer, but DEPLOY_UI is private. Set DEPLOY_UI to oidc or cognito")
        if name == "ui_subnets" and ui in ("oidc", "cognito") and bool(value) != bool(info.data.get("subnets")):
            raise ValueError("set it if, and only if, you set DEPLOY_SUBNETS and a load balancer")
        return value

    @field_validator("ui_certificate", "ui_client_secret", "ui_user_pool")
    @classmethod
    def _is_an_arn(cls, value: str) -> str:
        if value and not ARN.match(value):
            raise ValueError("it is not an ARN (arn:aws:…)")
        return value

    @field_validator("ui_host")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        if value and not HOST.match(value):
            raise ValueError("it is not a host name (lakehouse.example.org), without https://")
        return value

    @field_validator("ui_issuer")
    @classmethod
    def _is_a_url(cls, value: str) -> str:
        if value and not re.match(r"^https://[^\s/?#]+[^\s?#]*$", value):
            raise ValueError("it is not a URL that begins with https://")
        return value.rstrip("/")

    @field_validator("ui_networks")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for text in networks:
            try:
                ipaddress.IPv4Network(text)
            except ValueError as error:
                raise ValueError(f"{text} is not a network such as 203.0.113.0/24 ({error})") from None
        return networks
