"""The Spark engine: a session of its own for each load, on the process's one Spark."""

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
    """`session` gives the process's session; `environment`: the AWS_… variables of an AWS that is not the platform's
    own. `reads_from_bucket`: on a cluster.
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
                    # A JVM that died has nothing to free: what it died of is said.
                    load.forget()

    def maintain(self, contract: Contract, tables: Tables, retain_hours: int) -> list[Maintained]:
        from lakehouse_assets.etl.engines.spark.delta import Table

        spark = self._own_session(tables)
        # VACUUM lists a table's folders in so many tasks. With the default of 10,000 it took 20 seconds for a table of
        # two folders.
        spark.conf.set(
            "spark.sql.sources.parallelPartitionDiscovery.parallelism", str(8 * spark.sparkContext.defaultParallelism)
        )
        with failures_named(contract):
            found = [Table(spark, uri) for uri in (tables.table(contract.dataset), tables.rejects(contract.dataset))]
            return [Maintained(table.uri, *table.maintain(retain_hours)) for table in found if table.exists]

    def _own_session(self, tables: Tables) -> SparkSession:
        """On the process's one Spark, with views and settings of its own.

        What former loads left is collected first: Python's handles of Spark's objects are cycles, and the JVM keeps all
        that stands behind them (measured: 17 MB a load, until it had no memory left).
        """
        gc.collect()
        spark = self.session().newSession()
        for name, value in (SURE | bucket_options(urlparse(tables.data).netloc, self.environment)).items():
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
            f"{contract.dataset}: Spark refused a step of the load ({said}). Nothing is lost. {REPORT}"
        ) from error
    except Py4JError as error:
        raise failure(contract.dataset, str(error)) from error
