"""The settings of the lakehouse: environment variables LAKEHOUSE_…, validated once, with all errors in one message."""

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
"""The longest prefix. A key has at most 1,024 bytes; `etl.plan.partition` explains what takes the rest."""

A_WEEK = 168
"""Hours for which maintenance keeps old versions of the tables readable: longer than any query or batch takes, and
Delta Lake's recommended minimum.
"""
EngineName = Literal["embedded", "spark", "glue", "auto"]
"""embedded: DuckDB and delta-rs in the process. spark: Spark in the process. glue: Spark in Glue job runs. auto:
embedded or glue, by the size of the batch.
"""


class Settings(BaseSettings):
    """The lakehouse's settings. Each is the environment variable LAKEHOUSE_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="LAKEHOUSE_", frozen=True, extra="ignore", env_ignore_empty=True)

    home: Path = Field(
        Path(".lakehouse"),
        description=(
            "The folder of all local state: the embedded AWS's data, Dagster's instance, logs, scratch space. The"
            " default is in the folder from which a command is called. Two homes are two lakehouses, which may run side"
            " by side."
        ),
    )
    aws: Literal["embedded", "account"] = Field(
        "embedded",
        description=(
            "Which AWS: the embedded one on this machine, or the account that boto3's own environment names"
            " (`AWS_PROFILE`, `AWS_REGION`, …). With `account`, all parts use another S3 if `AWS_ENDPOINT_URL_S3`, a"
            " profile's `endpoint_url` or FIPS names one; a variable that only one part would read (`AWS_ENDPOINT`,"
            " `AWS_SKIP_SIGNATURE`, …) is refused. With `embedded`, `AWS_…`, `SPARK_…` and `HADOOP_…` variables and the"
            " files that they name are ignored."
        ),
    )
    bucket: str = Field(
        "ecommerce-lakehouse",
        pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        description="The S3 bucket of the lakehouse.",
    )
    raw_prefix: str = Field("raw/", description="The folder of pending CSV files, with a folder for each dataset.")
    uploads_prefix: str = Field(
        "uploads/", description="The folder of pending workbooks, and of CSV files whose dataset is not known."
    )
    tables_prefix: str = Field("lakehouse-dwh/", description="The folder of the Delta tables.")
    rejected_prefix: str = Field(
        "rejected/",
        description="The folder of the rejected records (Delta tables), and of quarantined files in `files/`.",
    )
    archive_prefix: str = Field("archived/", description="The folder of the files that were loaded.")
    control_prefix: str = Field("control/", description="The folder of manifests, the ledger and reports.")
    database: str = Field("ecommerce_dwh", pattern=r"^[a-z][a-z0-9_]{0,127}$", description="The Glue database.")
    workgroup: str = Field("ecommerce-lakehouse", description="The Athena workgroup.")
    contracts: Path = Field(SHIPPED, description="The folder of the contracts, `*.odcs.yaml`.")
    queue: str = Field(
        "ecommerce-etl-queue",
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="The SQS queue to which S3 sends an event for each new file.",
    )
    topic: str = Field(
        "ecommerce-etl-notifications",
        pattern=r"^[A-Za-z0-9_-]{1,256}$",
        description="The SNS topic to which outcomes of batches and alerts are published.",
    )
    sensor_seconds: int = Field(
        5,
        ge=1,
        description=(
            "The least number of seconds between two ticks of Dagster's sensor. Dagster looks for due sensors every 5"
            " seconds. A tick polls the queue for up to twice this time (at most 20 seconds) and ends when files land."
        ),
    )
    listing_seconds: int = Field(
        600, ge=1, description="The seconds between two listings of the bucket for files whose event was lost."
    )
    orchestrator: Literal["dagster", "state_machine"] = Field(
        "dagster",
        description=(
            "What starts a batch when files land: Dagster's sensor, or the Step Functions state machine. With"
            " `state_machine`, `lakehouse up` (in a checkout) also deploys the state machine and its Lambdas to the"
            " embedded AWS, and Dagster's UI shows their batches."
        ),
    )
    gate: Literal["all", "any"] = Field(
        "all",
        description=(
            "Which files must be there before a batch starts by itself: a file of each dataset (`all`), or any file."
            " `lakehouse load` does not wait for the gate."
        ),
    )
    engine: EngineName | None = Field(
        None,
        description=(
            "What loads the rows: `embedded` (DuckDB and delta-rs in the process), `spark` (PySpark in the process),"
            " `glue` (one AWS Glue job run for each dataset), or `auto` (embedded or glue, by the size of the batch)."
            " Unless it is set: `embedded` with the embedded AWS, `glue` in an account."
        ),
    )
    auto_bytes: int = Field(
        2_000_000_000,
        ge=0,
        description=(
            "With the engine `auto`: Glue loads a dataset whose files in the batch have more bytes than this. The bytes"
            " of a gzipped file count tenfold."
        ),
    )
    glue_job: str = Field(
        "{job}",
        description=(
            "The name of the Glue job of a dataset. `{job}` stands for the contract's custom property `job` (by default"
            " `<dataset>_etl`), `{dataset}` for the dataset."
        ),
    )
    memory_mb: int = Field(
        1024,
        ge=128,
        description=(
            "The memory of the embedded engine in MiB. Beyond it, the engine spills to disk. The process as a whole"
            " takes about twice as much."
        ),
    )
    threads: int | None = Field(
        None, ge=1, description="The threads of the embedded engine. Unless it is set: one for each core."
    )
    reject_warning: float = Field(
        0.1,
        ge=0,
        le=1,
        description=(
            "The share of a dataset's rows in a batch. If more are rejected, the status is `succeeded_with_rejects`"
            " and a check warns."
        ),
    )
    freshness_hours: float = Field(
        48, gt=0, description="After how many hours without a batch Dagster's UI marks a table as stale."
    )
    gate_wait_hours: float = Field(
        24, gt=0, description="After how many hours an alert reports files that wait for other files of the gate."
    )
    ui_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description=(
            "The address at which people reach Dagster's UI, for example behind a proxy. Messages link to runs there,"
            " and the UI of `lakehouse up` answers to that name, too. Unless it is set: the address of `lakehouse up`."
        ),
    )
    lease_wait_seconds: float = Field(
        3600, ge=0, description="The seconds that a batch waits for another holder of the lease before it fails."
    )
    reject_limit: float = Field(
        0.9,
        ge=0,
        le=1,
        description=(
            "The share of a dataset's rows in a batch. If more are lost, the batch fails. Rows that wait for a parent"
            " are not lost. With 1 no batch fails for this reason."
        ),
    )

    @field_validator(
        "raw_prefix", "uploads_prefix", "tables_prefix", "rejected_prefix", "archive_prefix", "control_prefix"
    )
    @classmethod
    def _is_a_folder(cls, prefix: str) -> str:
        if not prefix.endswith("/") or prefix.startswith("/") or "//" in prefix or ".." in prefix:
            raise ValueError("a prefix is a folder in the bucket: it must end with '/' and must not begin with '/'")
        if len(prefix.encode()) > PREFIX_BYTES:
            raise ValueError(
                f"a prefix has at most {PREFIX_BYTES} bytes: keys in S3 have at most 1,024, and most of them are needed"
                " for the rest of the key"
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
                "the pattern must contain {job} or {dataset}, and nothing else in braces, so that each dataset has its"
                " own job"
            )
        return pattern

    @property
    def chosen_engine(self) -> EngineName:
        """The engine. If the setting is empty: embedded with the embedded AWS, glue in an AWS account."""
        return self.engine or ("embedded" if self.aws == "embedded" else "glue")

    def job_name(self, contract: Contract) -> str:
        """The name of the Glue job that loads a dataset."""
        return self.glue_job.format(job=contract.job, dataset=contract.dataset)


def read_settings(**overrides: Any) -> Settings:
    """The settings of this process; `overrides` take precedence over the environment. Raises BadConfiguration that
    names every variable with an invalid value.
    """
    return validated(Settings, "These settings", overrides)


def validated(kind: type[Kind], named: str, overrides: Mapping[str, Any]) -> Kind:
    """Settings of a kind, from `overrides` and the environment. Raises BadConfiguration that begins with `named` and
    names every variable with an invalid value.
    """
    try:
        return kind(**overrides)
    except ValidationError as error:
        prefix = kind.model_config["env_prefix"]
        faults = []
        for fault in error.errors():
            name = f"{prefix}{fault['loc'][0]}".upper()
            # Somebody may have set the secret itself in place of its name.
            value = "(not shown)" if name.endswith("SECRET") and fault["input"] else repr(fault["input"])
            faults.append(f"  - {name}={value}: {fault['msg']}")
        raise BadConfiguration(f"{named} cannot be used:\n" + "\n".join(faults)) from None
