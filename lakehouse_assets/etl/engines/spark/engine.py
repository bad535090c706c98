"""The Spark engine: each load has a session of its own, in the process's one Spark application."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from lakehouse_assets.contracts import Contract
from lakehouse_assets.errors import LakehouseError
from lakehouse_assets.etl.engines.base import DatasetLoad, Maintained, Tables
from lakehouse_assets.etl.engines.spark.failures import REPORT, failure
from lakehouse_assets.etl.engines.spark.session import SURE, bucket_options, spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class SparkEngine:
    """`session`: returns the process's session. `environment`: the AWS_… variables of an AWS that is not the platform's
    own. `reads_from_bucket`: True on a cluster, whose machines cannot read this machine's disk.
    """

    session: Callable[[], SparkSession] = spark_session
    environment: Mapping[str, str] = field(default_factory=dict)
    reads_from_bucket: bool = True
    name: str = "spark"

    @contextmanager
    def dataset_load(
        self, contract: Contract, tables: Tables, batch_id: str, abandoned: Sequence[str] = ()
    ) -> Iterator[DatasetLoad]:
        from py4j.protocol import Py4JError

        from lakehouse_assets.etl.engines.spark.load import SparkLoad

        spark = self._own_session(tables)
        with tempfile.TemporaryDirectory(prefix=f"{contract.dataset}-") as links, failures_named(contract):
            load = SparkLoad(contract, tables, batch_id, abandoned, spark, self.environment, Path(links))
            try:
                yield load
            finally:
                with suppress(Py4JError, OSError):
                    # A JVM that died has nothing to free. The error that tells why is raised anyway.
                    load.forget()

    def plan_faults(self, contract: Contract, *, rules_only: bool = False) -> list[str]:
        from pyspark.errors import PySparkException

        from lakehouse_assets.etl.plan.trial import faults_of_plan

        spark = self._own_session()

        def create(name: str, query: str) -> str | None:
            try:
                spark.sql(query).createOrReplaceTempView(name)
            except PySparkException as error:
                return str(error)
            return None

        with failures_named(contract):
            return faults_of_plan(contract, "Spark", create, rules_only=rules_only)

    def maintain(self, contract: Contract, tables: Tables, retain_hours: int) -> list[Maintained]:
        from lakehouse_assets.etl.engines.spark.delta import Table

        spark = self._own_session(tables)
        # The number of tasks in which VACUUM lists a table's folders. With the default of 10,000, a table with two
        # folders took 20 seconds.
        spark.conf.set(
            "spark.sql.sources.parallelPartitionDiscovery.parallelism", str(8 * spark.sparkContext.defaultParallelism)
        )
        with failures_named(contract):
            found = [Table(spark, uri) for uri in (tables.table(contract.dataset), tables.rejects(contract.dataset))]
            return [Maintained(table.uri, *table.maintain(retain_hours)) for table in found if table.exists]

    def _own_session(self, tables: Tables | None = None) -> SparkSession:
        """Returns a session of the process's Spark with its own views and settings. `tables`: those that it reaches.

        Objects of former loads are collected first. Python's handles of Spark's objects form cycles, and the JVM keeps
        everything that they refer to (measured: 17 MB per load, until the JVM ran out of memory).
        """
        gc.collect()
        spark = self.session().newSession()
        options = bucket_options(urlparse(tables.data).netloc, self.environment) if tables else {}
        for name, value in (SURE | options).items():
            spark.conf.set(name, value)
        return spark


@contextmanager
def failures_named(contract: Contract) -> Iterator[None]:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        said = error.getCondition() or type(error).__name__
        raise LakehouseError(
            f"{contract.dataset}: Spark rejected a step of the load ({said}). Nothing is lost. {REPORT}"
        ) from error
    except Py4JError as error:
        raise failure(contract.dataset, str(error)) from error
