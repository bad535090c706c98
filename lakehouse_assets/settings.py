"""Every name, prefix and limit, from the environment (LAKEHOUSE_…), validated once, with all faults in one message."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from lakehouse_assets.contracts import SHIPPED
from lakehouse_assets.errors import BadConfiguration


class Settings(BaseSettings):
    """The lakehouse's settings. Each is the environment variable LAKEHOUSE_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="LAKEHOUSE_", frozen=True, extra="ignore", env_ignore_empty=True)

    home: Path = Field(Path(".lakehouse"), description="All local state: the embedded AWS's data, Dagster's instance, logs, scratch space.")
    aws: Literal["embedded", "account"] = Field("embedded", description="The embedded AWS on this machine, or the AWS that boto3's own environment names.")
    bucket: str = Field("ecommerce-lakehouse", pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="The bucket that holds everything.")
    raw_prefix: str = Field("raw/", description="CSV files that wait, one folder per dataset.")
    uploads_prefix: str = Field("uploads/", description="Workbooks (and files of an unknown dataset) that wait.")
    tables_prefix: str = Field("lakehouse-dwh/", description="The Delta tables.")
    rejected_prefix: str = Field("rejected/", description="Rejected records (Delta), and quarantined files under files/.")
    archive_prefix: str = Field("archived/", description="Files that were read.")
    control_prefix: str = Field("control/", description="Manifests, ledger, reports.")
    database: str = Field("ecommerce_dwh", pattern=r"^[a-z][a-z0-9_]{0,127}$", description="The Glue database.")
    workgroup: str = Field("ecommerce-lakehouse", description="The Athena workgroup.")
    contracts: Path = Field(SHIPPED, description="The folder of the contracts, *.odcs.yaml.")
    gate: Literal["all", "any"] = Field("all", description="What a batch that nobody asked for (a sensor's) needs: a file of each dataset, or any file.")
    engine: Literal["embedded"] = Field("embedded", description="What runs the plan: DuckDB and delta-rs in this process.")
    memory_mb: int = Field(1024, ge=128, description="The embedded engine's memory in MiB; past it, it spills to disk.")
    threads: int | None = Field(None, ge=1, description="The embedded engine's threads; by default one per core.")
    reject_limit: float = Field(1.0, ge=0, le=1, description="The share of rejected rows per dataset above which a batch fails; 1 never fails.")

    @field_validator("raw_prefix", "uploads_prefix", "tables_prefix", "rejected_prefix", "archive_prefix", "control_prefix")
    @classmethod
    def _is_a_folder(cls, prefix: str) -> str:
        if not prefix.endswith("/") or prefix.startswith("/") or "//" in prefix or ".." in prefix:
            raise ValueError("a prefix is a folder in the bucket: it ends with '/' and does not begin with one")
        return prefix


def read_settings() -> Settings:
    """The settings of this process. Raises BadConfiguration naming every variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        faults = [f"  - LAKEHOUSE_{str(fault['loc'][0]).upper()}={fault['input']!r}: {fault['msg']}" for fault in error.errors()]
        raise BadConfiguration("These settings cannot be used:\n" + "\n".join(faults)) from None
