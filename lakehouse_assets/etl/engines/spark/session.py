"""The Spark session: what the plan needs of it wherever it runs, and what a session on one machine needs besides. On
Glue the platform brings the jars.
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
"""Compiled, so that no machine needs a Java compiler (`make log-store` does it; a test holds it to its source)."""
EXCLUSIVE = "lakehouse.logstore.ExclusiveLogStore"
"""Delta's own log store for S3 overwrites a commit that another process made between its look and its write."""

DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.delta.logStore.s3.impl": EXCLUSIVE,
    "spark.delta.logStore.s3a.impl": EXCLUSIVE,
}
EVERYWHERE = DELTA | {
    "spark.sql.session.timeZone": "UTC",
    # The default is INT96, which has no statistics by which a reader could skip files.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # A key is text in a predicate: `${env:HOME}` in it is not to be replaced.
    "spark.sql.variable.substitute": "false",
}
SURE = {name: value for name, value in EVERYWHERE.items() if name not in DELTA} | {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "false",
    # With these a file that cannot be read, or not to its end, is a shorter one, without a word.
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    # A commit of its own after each write: the write's figures would not be those of the last commit.
    "spark.databricks.delta.autoCompact.enabled": "false",
}
"""What rows become depends on it, so each load's session has it, whatever a cluster or a session that was there before
has been told.
"""
DRIVER_MEMORY = "4g"
COMPILE_ALL = "-XX:-DontCompileHugeMethods"
"""For every JVM that judges rows. The judging of a wide row is one method of more than 8,000 bytecodes, and such a
method Java only interprets (HotSpot's HugeMethodLimit): measured, 5 million order items are judged in 7 seconds with
the option, in 28 without."""

COLLECTOR = "-XX:+UseParallelGC"
"""For a JVM that works by itself: no one waits for a single answer, and 5 million order items are loaded in a sixth
less time than with Java's default.
"""


def on_one_machine(platform: Sequence[Path], jars: Sequence[Path], scratch: Path) -> dict[str, str]:
    """The configuration of a session whose driver does all the work, with every core of this machine. `platform`: the
    jars that stand on the class path, as Glue's own do. `jars`: those that come with a job (the log store).

    Raises BadConfiguration where a folder has a name that Spark takes for several.
    """
    for mark, named, places in ((",", "comma", (scratch, *jars)), (os.pathsep, "colon", platform)):
        if several := [str(place) for place in places if mark in str(place)]:
            raise BadConfiguration(
                f"Spark cannot use {several[0]}: a {named} ends a name for it. Set LAKEHOUSE_HOME to a folder without,"
                " or use the embedded engine."
            )
    cores = str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    return EVERYWHERE | {
        "spark.master": "local[*]",
        # Spark takes s3:// for an old connector of its own; on Glue it is S3A, as here.
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
        # What is shuffled is cut this small, so that great batches are joined by hash tables; small pieces are put
        # together again.
        "spark.sql.adaptive.coalescePartitions.initialPartitionNum": "32",
        # A load compiles several hundred pieces of code; with the default of 100 kept, the next load does so again
        # (measured: a third of its time).
        "spark.sql.codegen.cache.maxEntries": "2000",
        # 50 tasks for every look at a table's log is the default.
        "spark.databricks.delta.snapshotPartitions": "2",
    }


def bucket_options(bucket: str, environment: Mapping[str, str]) -> dict[str, str]:
    """How S3A reaches one bucket of the AWS that these variables name; nothing where they name none, as the platform's
    own serves then. Without a key among them the platform's own credentials are used."""
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
    """The process's session, started with this configuration if there is none. (A session that runs keeps the static
    part of its own.)
    """
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("lakehouse")
    for name, value in configuration.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()
