"""The parts of a lakehouse: its bucket, tables, engines, catalog, queue and lease. Each is connected on first use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.aws.console import Console
from lakehouse_assets.aws.executions import Executions
from lakehouse_assets.aws.queue import Queue
from lakehouse_assets.batches.execution_lease import ExecutionLease
from lakehouse_assets.batches.lease import Lease
from lakehouse_assets.catalog.athena import Athena
from lakehouse_assets.catalog.glue import Catalog
from lakehouse_assets.contracts import Contracts, read_contracts
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.etl.engines.base import Engine, Tables
from lakehouse_assets.etl.report_types import RunBy
from lakehouse_assets.landing.store import Store
from lakehouse_assets.landing.zone import ATHENA, LandingZone
from lakehouse_assets.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class Connections:
    """The settings, and the AWS clients that they need.

    `spark_session`: makes the session of the engine `spark`, given a folder to spill to; None if this process cannot
    run Spark. `holder`: the name under which this process takes the lease, for people. `execution`: the ARN of the
    state machine's execution that this process is a step of; then the lease is taken under its name.
    """

    settings: Settings
    aws: Aws
    spark_session: Callable[[Path], SparkSession] | None = None
    holder: str = "lakehouse"
    execution: str | None = None

    @cached_property
    def contracts(self) -> Contracts:
        return read_contracts(self.settings.contracts)

    @cached_property
    def zone(self) -> LandingZone:
        s = self.settings
        scratch = s.home / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        store = Store(self.aws.client("s3"), s.bucket)
        return LandingZone(
            store,
            self.contracts,
            s.raw_prefix,
            s.uploads_prefix,
            s.rejected_prefix,
            s.archive_prefix,
            s.control_prefix,
            scratch,
        )

    @cached_property
    def lease(self) -> Lease:
        store, key = self.zone.store, self.zone.lease_key
        if self.execution:
            return ExecutionLease(store, key, self.execution, self._is_running)
        return Lease(store, key, self.holder, is_running=self._is_running)

    def _is_running(self, execution: str) -> bool:
        return self.executions.is_running(execution)

    @cached_property
    def executions(self) -> Executions:
        return Executions(self.aws.client("stepfunctions"))

    @property
    def run_by(self) -> RunBy:
        """Who runs a batch now, for its report. Of a state machine with the execution's ARN and its link in AWS's
        console."""
        if self.execution is None:
            return {"name": self.holder, "execution": None, "link": None}
        region = self.execution.split(":")[3]
        return {"name": "State machine", "execution": self.execution, "link": Console(region).execution(self.execution)}

    @cached_property
    def tables(self) -> Tables:
        s = self.settings
        return Tables(
            f"s3://{s.bucket}/{s.tables_prefix}", f"s3://{s.bucket}/{s.rejected_prefix}", self.aws.storage_options
        )

    @cached_property
    def engine(self) -> Engine:
        """The embedded engine. Imported here, because a Glue job has neither DuckDB nor delta-rs."""
        from lakehouse_assets.etl.engines.embedded import EmbeddedEngine

        return EmbeddedEngine(self.settings.home / "scratch", self.settings.memory_mb, self.settings.threads)

    @cached_property
    def spark_engine(self) -> Engine:
        """Spark in this process; it reads the files from this machine's disk."""
        from lakehouse_assets.etl.engines.spark import SparkEngine

        scratch = self.settings.home / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        session = self.spark_session
        if session is None:
            raise BadConfiguration(
                "LAKEHOUSE_ENGINE is spark, but this process cannot run Spark. Choose embedded, glue or auto."
            )
        return SparkEngine(lambda: session(scratch), self.aws.storage_options, reads_from_bucket=False)

    @cached_property
    def console(self) -> Console:
        return Console(None if self.settings.aws == "embedded" else str(self.aws.client("glue").meta.region_name))

    @cached_property
    def queue(self) -> Queue:
        return Queue(
            self.aws.client("sqs"), self.settings.queue, wait_seconds=1 if self.settings.aws == "account" else 0
        )

    @cached_property
    def athena(self) -> Athena:
        s = self.settings
        return Athena(self.aws.client("athena"), s.database, s.workgroup, f"s3://{s.bucket}/{s.control_prefix}{ATHENA}")

    @cached_property
    def catalog(self) -> Catalog:
        return Catalog(self.aws.client("glue"), self.settings.database, self.tables)
