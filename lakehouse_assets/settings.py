"""Every name, prefix and limit, from the environment (LAKEHOUSE_…), validated once, with all faults in one message."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lakehouse_assets.contracts import SHIPPED, Contract
from lakehouse_assets.errors import BadConfiguration

Kind = TypeVar("Kind", bound=BaseSettings)
PREFIX_BYTES = 200
"""Of a key's 1,024; `etl.plan.partition` says what takes the rest."""

A_WEEK = 168
"""Hours for which maintenance keeps old versions readable: longer than any query or batch takes, and what Delta Lake
itself recommends at least.
"""
EngineName = Literal["embedded", "spark", "glue", "auto"]
"""As the setting names them: DuckDB and delta-rs in process, Spark in process, Spark by Glue job runs, and: embedded or
glue, by the size of the batch.
"""


class Settings(BaseSettings):
    """The lakehouse's settings. Each is the environment variable LAKEHOUSE_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="LAKEHOUSE_", frozen=True, extra="ignore", env_ignore_empty=True)

    home: Path = Field(
        Path(".lakehouse"),
        description="All local state: the embedded AWS's data, Dagster's instance, logs, scratch space.",
    )
    aws: Literal["embedded", "account"] = Field(
        "embedded", description="The embedded AWS on this machine, or the AWS that boto3's own environment names."
    )
    bucket: str = Field(
        "ecommerce-lakehouse",
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        description="The bucket that holds everything.",
    )
    raw_prefix: str = Field("raw/", description="CSV files that wait, one folder per dataset.")
    uploads_prefix: str = Field("uploads/", description="Workbooks (and files of an unknown dataset) that wait.")
    tables_prefix: str = Field("lakehouse-dwh/", description="The Delta tables.")
    rejected_prefix: str = Field(
        "rejected/", description="Rejected records (Delta), and quarantined files under files/."
    )
    archive_prefix: str = Field("archived/", description="Files that were read.")
    control_prefix: str = Field("control/", description="Manifests, ledger, reports.")
    database: str = Field("ecommerce_dwh", pattern=r"^[a-z][a-z0-9_]{0,127}$", description="The Glue database.")
    workgroup: str = Field("ecommerce-lakehouse", description="The Athena workgroup.")
    contracts: Path = Field(SHIPPED, description="The folder of the contracts, *.odcs.yaml.")
    queue: str = Field(
        "ecommerce-etl-queue",
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="The SQS queue that S3 tells of files that landed.",
    )
    topic: str = Field(
        "ecommerce-etl-notifications",
        pattern=r"^[A-Za-z0-9_-]{1,256}$",
        description="The SNS topic for how batches went.",
    )
    sensor_seconds: int = Field(30, ge=1, description="How often the sensor looks at the queue.")
    listing_seconds: int = Field(600, ge=1, description="How often the sensor looks for files that no event told of.")
    orchestrator: Literal["dagster", "state_machine"] = Field(
        "dagster",
        description=(
            "What starts a batch when files land: Dagster's sensor, or the state machine (which `lakehouse up` then"
            " deploys too)."
        ),
    )
    gate: Literal["all", "any"] = Field(
        "all", description="What a batch that nobody asked for (a sensor's) needs: a file of each dataset, or any file."
    )
    engine: EngineName | None = Field(
        None,
        description=(
            "What runs the plan: embedded (DuckDB and delta-rs in this process), spark (in this process), glue (AWS"
            " Glue job runs), or auto."
        ),
    )
    auto_bytes: int = Field(
        2_000_000_000,
        ge=0,
        description=(
            "Engine auto: a dataset of a batch with more bytes than this in its files is loaded by Glue; gzip counts"
            " tenfold."
        ),
    )
    glue_job: str = Field(
        "{job}",
        description="The Glue job of a dataset; {job} stands for the contract's name of it, {dataset} for the dataset.",
    )
    memory_mb: int = Field(1024, ge=128, description="The embedded engine's memory in MiB; past it, it spills to disk.")
    threads: int | None = Field(None, ge=1, description="The embedded engine's threads; by default one per core.")
    reject_warning: float = Field(
        0.1,
        ge=0,
        le=1,
        description=(
            "The share of rejected rows per dataset of a batch above which a check warns, and the report says so."
        ),
    )
    freshness_hours: float = Field(48, gt=0, description="How old a table may be before the UI calls it stale.")
    gate_wait_hours: float = Field(
        24, gt=0, description="How long files may wait for what the gate asks for before somebody is told."
    )
    ui_url: str | None = Field(
        None, pattern=r"^https?://", description="Where people reach Dagster's UI: messages link to runs there."
    )
    lease_wait_seconds: float = Field(
        3600, ge=0, description="How long a batch waits for another that works on the lakehouse, before it fails."
    )
    reject_limit: float = Field(
        0.9,
        ge=0,
        le=1,
        description=(
            "The share of a dataset's rows above which a batch fails that loses them (waiting rows are not lost); 1"
            " never fails."
        ),
    )

    @field_validator(
        "raw_prefix", "uploads_prefix", "tables_prefix", "rejected_prefix", "archive_prefix", "control_prefix"
    )
    @classmethod
    def _is_a_folder(cls, prefix: str) -> str:
        if not prefix.endswith("/") or prefix.startswith("/") or "//" in prefix or ".." in prefix:
            raise ValueError("a prefix is a folder in the bucket: it ends with '/' and does not begin with one")
        if len(prefix.encode()) > PREFIX_BYTES:
            raise ValueError(
                f"a prefix has at most {PREFIX_BYTES} bytes: S3 takes keys of 1,024, and the most of one is left for"
                " what follows"
            )
        return prefix

    @field_validator("glue_job")
    @classmethod
    def _names_each_dataset(cls, pattern: str) -> str:
        try:
            distinct = pattern.format(job="a", dataset="b") != pattern.format(job="c", dataset="d")
        except (KeyError, IndexError, ValueError):
            distinct = False
        if not distinct:
            raise ValueError(
                "the pattern holds {job} or {dataset}, and nothing else in braces, so that each dataset has a job of"
                " its own"
            )
        return pattern

    @property
    def chosen_engine(self) -> EngineName:
        """The engine, where none is named: embedded beside the embedded AWS, glue in an AWS account."""
        return self.engine or ("embedded" if self.aws == "embedded" else "glue")

    def job_name(self, contract: Contract) -> str:
        """The Glue job that loads a dataset."""
        return self.glue_job.format(job=contract.job, dataset=contract.dataset)


def read_settings(**told: Any) -> Settings:
    """The settings of this process; what is told here goes before the environment. Raises BadConfiguration naming every
    variable that is wrong.
    """
    return validated(Settings, "These settings", told)


def validated(kind: type[Kind], named: str, told: Mapping[str, Any]) -> Kind:
    """Settings of a kind, from the environment and what is told. Raises BadConfiguration: `named` cannot be used, and
    each variable that is wrong.
    """
    try:
        return kind(**told)
    except ValidationError as error:
        prefix = kind.model_config["env_prefix"]
        faults = [
            f"  - {prefix}{str(fault['loc'][0]).upper()}={fault['input']!r}: {fault['msg']}" for fault in error.errors()
        ]
        raise BadConfiguration(f"{named} cannot be used:\n" + "\n".join(faults)) from None
