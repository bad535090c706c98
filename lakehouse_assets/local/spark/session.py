"""Spark on this machine: the Java and the jars that set-up found, and the session of the engine's own configuration."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse_assets.etl.engines.spark.session import LOG_STORE, on_one_machine, spark_session
from lakehouse_assets.local.spark.class_data import with_class_data
from lakehouse_assets.local.spark.jars import installed_jars
from lakehouse_assets.local.spark.java import java_home

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def local_configuration(scratch: Path) -> dict[str, str]:
    """Spark's configuration on this machine, with the Java and the Python of it set in this process's environment.
    `scratch` takes what Spark spills.

    Raises BadConfiguration where Java 17 or the jars are missing.
    """
    os.environ["JAVA_HOME"] = str(java_home())
    os.environ["PYSPARK_PYTHON"] = sys.executable
    return with_class_data(on_one_machine(installed_jars(), [LOG_STORE], scratch))


def local_session(scratch: Path) -> SparkSession:
    """The process's session on this machine."""
    return spark_session(local_configuration(scratch))
