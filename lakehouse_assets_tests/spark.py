"""One Spark for each test process, started by the first test that needs it, and set for small data."""

from __future__ import annotations

import atexit
import gc
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.etl.engines.spark import SparkEngine
from lakehouse_assets.etl.engines.spark.session import COLLECTOR, spark_session
from lakehouse_assets.local.spark.platform import QUICK_TO_START
from lakehouse_assets.local.spark.session import local_configuration

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FOR_SMALL_DATA = {
    "spark.sql.shuffle.partitions": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.memory": "2g",
    # The usual one asks the program `readlink` about each file of a log: some 30 programs a second.
    "spark.delta.logStore.file.impl": "io.delta.storage.LocalLogStore",
}


def on_spark(lakehouse: Lakehouse) -> Lakehouse:
    """The same lakehouse with the engine `spark`, which reads the files from the bucket, as on Glue."""
    house = Lakehouse(lakehouse.settings.model_copy(update={"engine": "spark"}), lakehouse.aws)
    house.__dict__["spark_engine"] = SparkEngine(spark_of_tests, lakehouse.aws.environment)
    return house


@lru_cache
def spark_of_tests() -> SparkSession:
    # Each load on Spark collects garbage first, and would look through all that pytest holds: 0.2 seconds a load.
    gc.freeze()
    atexit.register(gc.unfreeze)
    configuration = local_configuration(Path(tempfile.mkdtemp(prefix="lakehouse-spark-")))
    name = "spark.driver.extraJavaOptions"
    options = f"{configuration[name].replace(COLLECTOR, '-XX:+UseSerialGC')} {QUICK_TO_START}"
    return spark_session(configuration | FOR_SMALL_DATA | {name: options})


def mapped_files(session: SparkSession) -> str:
    """What the JVM of a session has mapped into its memory."""
    jvm: Any = session._jvm
    return Path(f"/proc/{jvm.java.lang.ProcessHandle.current().pid()}/maps").read_text()


def forget_tables() -> None:
    """Drops what Delta keeps of the tables it has seen, with the session that saw them: each test has tables of its
    own.
    """
    if spark_of_tests.cache_info().currsize:
        jvm: Any = spark_of_tests()._jvm
        jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
