"""The Spark session: the settings that the plan needs everywhere, and those that a session on one machine needs in
addition. On Glue, the platform provides the jars.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse_assets.errors import BadConfiguration

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOG_STORE_SOURCES = Path(__file__).with_name("logstore")
LOG_STORE = LOG_STORE_SOURCES / "log-store.jar"
"""Compiled, so that no machine needs a Java compiler (`make log-store` compiles it; a test compares it with its
source).
"""
EXCLUSIVE = "lakehouse.logstore.ExclusiveLogStore"
"""Used because Delta's own log store for S3 overwrites a commit that another process made between its check and its
write.
"""

DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.delta.logStore.s3.impl": EXCLUSIVE,
    "spark.delta.logStore.s3a.impl": EXCLUSIVE,
}
EVERYWHERE = DELTA | {
    "spark.sql.session.timeZone": "UTC",
    # The default is INT96, which has no statistics with which a reader could skip files.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Keys are literals in predicates: `${env:HOME}` in a key must not be replaced.
    "spark.sql.variable.substitute": "false",
}
SURE = {name: value for name, value in EVERYWHERE.items() if name not in DELTA} | {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "false",
    # If they were true, a file that cannot be read, or not to its end, would silently lose rows.
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    # It would commit after each write, and the last commit would not have the write's metrics.
    "spark.databricks.delta.autoCompact.enabled": "false",
}
"""The result of a load depends on these settings. So each load's session sets them, whatever the cluster or an existing
session was configured with.
"""
DRIVER_MEMORY = "4g"
COMPILE_ALL = "-XX:-DontCompileHugeMethods"
"""For every JVM that validates rows. The code that validates a wide row is one method of more than 8,000 bytecodes,
which Java only interprets by default (HotSpot's HugeMethodLimit). Measured: 5 million order items are validated in 7
seconds with the option, in 28 without.
"""

COLLECTOR = "-XX:+UseParallelGC"
"""For a JVM that only runs batches, where a pause does not matter: 5 million order items are loaded in a sixth less
time than with Java's default collector.
"""


def on_one_machine(platform: Sequence[Path], jars: Sequence[Path], scratch: Path) -> dict[str, str]:
    """Returns the configuration of a session whose driver does all the work, on every core of this machine. `platform`:
    the jars that are on the class path, as Glue's own are. `jars`: those that come with a job (the log store).

    Raises BadConfiguration if a path contains the character with which Spark separates paths.
    """
    for mark, named, places in ((",", "comma", (scratch, *jars)), (os.pathsep, "colon", platform)):
        if several := [str(place) for place in places if mark in str(place)]:
            raise BadConfiguration(
                f"Spark cannot use {several[0]}, because it separates paths by a {named}. Set LAKEHOUSE_HOME to a"
                f" folder without a {named}, or use the embedded engine."
            )
    cores = str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    return EVERYWHERE | {
        "spark.master": "local[*]",
        # Spark uses an old connector for s3:// by default; on Glue it is S3A, as here.
        "spark.hadoop.fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "spark.driver.extraClassPath": os.pathsep.join(str(jar) for jar in platform),
        "spark.jars": ",".join(str(jar) for jar in jars),
        "spark.driver.memory": DRIVER_MEMORY,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": (
            f"{COMPILE_ALL} {COLLECTOR}"
            f" -Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties').as_uri()}"
        ),
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": cores,
        # The number of partitions of a shuffle: so many that large batches are joined by hash tables. Small partitions
        # are merged again.
        "spark.sql.adaptive.coalescePartitions.initialPartitionNum": "32",
        # A load compiles several hundred classes. With the default cache of 100, the next load compiles them again
        # (measured: a third of its time).
        "spark.sql.codegen.cache.maxEntries": "2000",
        # The default is 50 tasks for each read of a table's log.
        "spark.databricks.delta.snapshotPartitions": "2",
    }


def bucket_options(bucket: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Returns S3A's options for one bucket of the AWS that these variables name. Returns none if they have no endpoint:
    then the platform's own AWS is used. Without an access key among them, the platform's own credentials are used.
    """
    if "AWS_ENDPOINT_URL" not in environment:
        return {}
    endpoint = environment["AWS_ENDPOINT_URL"]
    options = {
        "endpoint": endpoint,
        "endpoint.region": environment["AWS_REGION"],
        "path.style.access": "true",
        "connection.ssl.enabled": str(not endpoint.startswith("http:")).lower(),
    }
    if "AWS_ACCESS_KEY_ID" in environment:
        options |= {
            "access.key": environment["AWS_ACCESS_KEY_ID"],
            "secret.key": environment["AWS_SECRET_ACCESS_KEY"],
            "aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
        }
    return {f"fs.s3a.bucket.{bucket}.{name}": value for name, value in options.items()}


def spark_session(configuration: Mapping[str, str] = EVERYWHERE) -> SparkSession:
    """Returns the process's session, and starts it with this configuration if there is none. (A running session keeps
    the static part of its own configuration.)
    """
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("lakehouse")
    for name, value in configuration.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()
