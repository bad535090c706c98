"""The lakehouse as a Dagster resource. It is connected when a run begins, not when definitions are loaded."""

from __future__ import annotations

from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.connect import connected
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.jobs import NO_RETRIES
from lakehouse_assets.local.spark.session import local_configuration
from lakehouse_assets.settings import read_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Engine(StrEnum):
    """What loads the rows. (An enum, so that Dagster refuses any other value before a run is launched. In the run
    config, a value is the member's name.)
    """

    embedded = "embedded"
    spark = "spark"
    glue = "glue"
    auto = "auto"


class LakehouseResource(dg.ConfigurableResource[Lakehouse]):
    """Provides the `Lakehouse` of this process's settings. Uses the embedded AWS that is running for this home, or
    starts one for the run.

    `engine`: embedded, spark, glue or auto; replaces the setting LAKEHOUSE_ENGINE for this run.
    """

    engine: Engine | None = None

    _connection: ExitStack = PrivateAttr(default_factory=ExitStack)

    def create_resource(self, context: dg.InitResourceContext) -> Lakehouse:
        holder = f"Dagster run {context.run.run_id}" if context.run else "Dagster"
        try:
            settings = read_settings(**({"engine": self.engine.value} if self.engine else {}))
            return self._connection.enter_context(connected(settings, _spark_session, holder))
        except BadConfiguration:
            _prevent_retries(context)
            raise

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        del context
        self._connection.close()


def _prevent_retries(context: dg.InitResourceContext) -> None:
    """Dagster retries a run whose resources fail as it retries one whose process died. With a wrong setting each retry
    fails, too.
    """
    if context.run and context.instance:
        context.instance.add_run_tags(context.run.run_id, NO_RETRIES)


def _spark_session(scratch: Path) -> SparkSession:
    """The session of dagster-pyspark, which all resources of this process share. Imported late: dagster-pyspark is only
    installed if the engine `spark` is used.
    """
    from dagster_pyspark import LazyPySparkResource  # noqa: PLC0415

    session: SparkSession = LazyPySparkResource(spark_config=local_configuration(scratch)).spark_session
    return session
