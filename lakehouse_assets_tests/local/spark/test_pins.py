"""All pins for Spark fit together: the locked Python packages, the jars, and the versions that pyspark was built
with.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lakehouse_assets.local.spark.ivy import ROOTS
from lakehouse_assets.local.spark.jars import LOCK, read_lock

REPOSITORY = Path(__file__).resolve().parents[3]
ARTIFACTS = {jar.artifact: jar.version for jar in read_lock(LOCK)}


def shipped_by_pyspark() -> dict[str, str]:
    pyspark = find_spec("pyspark")
    assert pyspark is not None
    assert pyspark.origin is not None
    names = [path.stem for path in Path(pyspark.origin).parent.glob("jars/*.jar")]
    return dict(match.groups() for name in names if (match := re.fullmatch(r"(.+?)-(\d.*)", name)))  # type: ignore[misc]


def test_the_jars_of_delta_lake_are_of_the_release_of_its_python_package() -> None:
    extra = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]["spark"]
    versions = dict(requirement.split("==") for requirement in extra)
    spark_and_scala = f"{versions['pyspark'].rpartition('.')[0]}_2.13"
    assert ARTIFACTS[f"delta-spark_{spark_and_scala}"] == versions["delta-spark"]
    assert ARTIFACTS["delta-storage"] == versions["delta-spark"]


def test_the_lock_holds_what_ivy_xml_asks_for() -> None:
    roots = {root.attrib["name"]: root.attrib["rev"] for root in ElementTree.parse(ROOTS).iter("dependency")}
    assert roots.items() <= ARTIFACTS.items()


def test_the_lock_is_sorted_and_names_each_jar_once() -> None:
    jars = read_lock(LOCK)
    assert jars == sorted(jars)
    assert len({jar.name for jar in jars}) == len(jars)


@pytest.mark.spark
def test_s3a_is_of_the_hadoop_release_that_pyspark_ships() -> None:
    assert ARTIFACTS["hadoop-aws"] == shipped_by_pyspark()["hadoop-client-api"]


@pytest.mark.spark
def test_no_jar_is_locked_that_pyspark_ships_already() -> None:
    assert ARTIFACTS.keys() & shipped_by_pyspark().keys() == set()


def test_without_java_nothing_is_downloaded_or_installed(tmp_path: Path) -> None:
    """(The Python that make gets simulates a machine without Java: it fails when it is asked for one.)"""
    for name in (
        "Makefile",
        "requirements-setup.lock",
        "requirements.lock",
        "pyproject.toml",
        "lakehouse_assets/local/spark/jars.lock",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, tmp_path / name)
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\n[ "$1" = -c ] && exit 0\n[ "$*" = "-m lakehouse_assets.local.spark java" ] && echo "no Java 17"'
        " >&2\nexit 1\n"
    )
    python.chmod(0o755)
    for target in ("spark", "test", "demo"):
        made = subprocess.run(
            ["make", "-C", tmp_path, f"PYTHON={python}", target, "ENGINE=spark"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode != 0
        assert made.stderr.startswith("no Java 17\n")
        assert not (tmp_path / ".venv").exists()
