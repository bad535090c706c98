"""Compiles the jar of the log store from its Java source. The jar is in the repository, so only a change of the source
needs a Java compiler.
"""

from __future__ import annotations

import importlib.util
import subprocess
import tempfile
import zipfile
from pathlib import Path

from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.etl.engines.spark.session import LOG_STORE, LOG_STORE_SOURCES
from lakehouse_assets.local.spark.jars import installed_jars
from lakehouse_assets.local.spark.java import WANTED, java_home

LONG_AGO = (2020, 2, 2, 0, 0, 0)


def make_log_store() -> Path:
    """Compiles the log store. The same source always gives the same bytes. Raises BadConfiguration if it cannot be
    compiled.
    """
    with zipfile.ZipFile(LOG_STORE, "w", zipfile.ZIP_DEFLATED) as jar:
        for name, content in compiled().items():
            jar.writestr(zipfile.ZipInfo(name, LONG_AGO), content, zipfile.ZIP_DEFLATED)
    return LOG_STORE


def compiled() -> dict[str, bytes]:
    """The compiled classes, by their names in the jar. Raises BadConfiguration if there is no compiler, or if it
    rejects the source.
    """
    compiler = java_home() / "bin" / "javac"
    if not compiler.exists():
        raise BadConfiguration(
            f"{compiler} is missing: a Java runtime has no compiler. On Debian or Ubuntu: apt-get install"
            f" openjdk-{WANTED}-jdk-headless"
        )
    path = ":".join(map(str, [*installed_jars(), *_pyspark().glob("hadoop-client-api-*.jar")]))
    with tempfile.TemporaryDirectory() as folder:
        sources = sorted(map(str, LOG_STORE_SOURCES.glob("*.java")))
        command = [
            str(compiler),
            "--release",
            str(WANTED),
            "-Xlint:all,-classfile",
            "-Werror",
            "-cp",
            path,
            "-d",
            folder,
            *sources,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BadConfiguration(f"The log store's source cannot be compiled:\n{done.stderr}")
        return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(Path(folder).rglob("*.class"))}


def _pyspark() -> Path:
    found = importlib.util.find_spec("pyspark")
    if found is None or found.origin is None:
        raise BadConfiguration("pyspark is not installed: run `make spark`.")
    return Path(found.origin).parent / "jars"
