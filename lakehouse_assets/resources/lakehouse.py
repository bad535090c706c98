"""The lakehouse as a Dagster resource: connected when a run begins, never when definitions load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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


class LakehouseResource(dg.ConfigurableResource["LakehouseResource"]):
    """Gives assets the `Lakehouse` of this process's settings. The embedded AWS is shared with whatever runs it for
    this home, or started for the run.

    `engine`: for this run another engine than the setting LAKEHOUSE_ENGINE names: embedded, spark, glue or auto.
    """

    engine: str | None = None

    _lakehouse: Lakehouse | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[LakehouseResource]:
        told = {"engine": self.engine} if self.engine else {}
        with connected(
            read_settings(**told), _spark_session, f"Dagster run {context.run.run_id}" if context.run else "Dagster"
        ) as lakehouse:
            self._lakehouse = lakehouse
            yield self

    @property
    def lakehouse(self) -> Lakehouse:
        if self._lakehouse is None:
            raise RuntimeError("LakehouseResource is used outside a run")
        return self._lakehouse


def _spark_session(scratch: Path) -> SparkSession:
    """Through dagster-pyspark, whose session every resource of this process shares. Imported late: without the engine
    `spark` nobody needs it installed.
    """
    from dagster_pyspark import LazyPySparkResource  # noqa: PLC0415

    session: SparkSession = LazyPySparkResource(spark_config=local_configuration(scratch)).spark_session
    return session
