"""Spark as a platform provides it, for the embedded Glue: this machine's Java, jars and settings, without the settings
that the engine makes for itself on every platform.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from lakehouse_assets.etl.engines.spark.session import EVERYWHERE, on_one_machine
from lakehouse_assets.local.spark.class_data import with_class_data
from lakehouse_assets.local.spark.jars import installed_jars
from lakehouse_assets.local.spark.java import java_home

QUICK_TO_START = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m"
"""Java options for small data, whose runs are mostly start-up: only the quick compiler, which makes the small batches
of a laptop a fifth faster. Its code cache has 48 MB by default. Some thirty loads fill them, and then Java discards
code and compiles it again: 60 small loads took 494 CPU seconds with the default, 307 with 256 MB.
"""


def platform_settings(extra_jars: Sequence[Path], scratch: Path) -> dict[str, str]:
    """The settings for Spark's properties file. `extra_jars`: the job's own. `scratch`: a folder for what Spark spills.

    Raises BadConfiguration if the jars are missing, or if a folder has a name that Spark cannot use.
    """
    settings = {
        name: value
        for name, value in with_class_data(on_one_machine(installed_jars(), extra_jars, scratch)).items()
        # The engine has to set these for itself, because Glue does not.
        if name not in EVERYWHERE
    }
    settings["spark.driver.extraJavaOptions"] += f" {QUICK_TO_START}"
    return settings


def platform_environment() -> dict[str, str]:
    """The environment variables by which Spark finds Java and Python. Raises BadConfiguration if Java 17 is missing."""
    return {"JAVA_HOME": str(java_home()), "PYSPARK_PYTHON": sys.executable}
