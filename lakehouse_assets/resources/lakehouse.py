"""The lakehouse as a Dagster resource. It is connected when a run begins, not when definitions are loaded."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.connect import connected
from lakehouse_assets.local.spark.session import local_configuration
from lakehouse_assets.settings import read_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class LakehouseResource(dg.ConfigurableResource[Lakehouse]):
    """Provides the `Lakehouse` of this process's settings. Uses the embedded AWS that is running for this home, or
    starts one for the run.

    `engine`: embedded, spark, glue or auto; replaces the setting LAKEHOUSE_ENGINE for this run.
    """

    engine: str | None = None

    _connection: ExitStack = PrivateAttr(default_factory=ExitStack)

    def create_resource(self, context: dg.InitResourceContext) -> Lakehouse:
        settings = read_settings(**({"engine": self.engine} if self.engine else {}))
        holder = f"Dagster run {context.run.run_id}" if context.run else "Dagster"
        return self._connection.enter_context(connected(settings, _spark_session, holder))

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        del context
        self._connection.close()


def _spark_session(scratch: Path) -> SparkSession:
    """The session of dagster-pyspark, which all resources of this process share. Imported late: dagster-pyspark is only
    installed if the engine `spark` is used.
    """
    from dagster_pyspark import LazyPySparkResource  # noqa: PLC0415

    session: SparkSession = LazyPySparkResource(spark_config=local_configuration(scratch)).spark_session
    return session
