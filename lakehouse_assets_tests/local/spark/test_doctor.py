"""`lakehouse doctor` on Spark: a missing part is a fault only for an engine that needs it here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lakehouse_assets.cli.main import app
from lakehouse_assets.local.spark.jars import read_lock
from lakehouse_assets_tests.local.spark.fake_java import java


def doctor(monkeypatch: pytest.MonkeyPatch, home: Path, engine: str) -> Result:
    monkeypatch.setenv("LAKEHOUSE_HOME", str(home))
    monkeypatch.setenv("LAKEHOUSE_ENGINE", engine)
    return CliRunner().invoke(app, ["doctor"])


@pytest.fixture
def without_jars(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As without `make spark`: the jars are looked for below sys.prefix."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "another"))


@pytest.mark.usefixtures("without_jars")
@pytest.mark.parametrize("engine", ["spark", "glue", "auto"])
def test_missing_jars_are_broken_for_an_engine_that_runs_spark_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: str
) -> None:
    result = doctor(monkeypatch, tmp_path, engine)
    assert result.exit_code == 1
    assert "Spark's jars are not installed" in result.stdout
    assert "-> Run: make spark" in result.stdout


@pytest.mark.usefixtures("without_jars")
def test_missing_jars_are_fine_for_the_embedded_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = doctor(monkeypatch, tmp_path, "embedded")
    assert result.exit_code == 0
    assert "Spark's jars: not installed (not needed by the embedded engine)" in result.stdout
    assert "make spark" not in result.stdout


@pytest.mark.spark
def test_all_that_spark_needs_is_listed_with_its_versions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    newer = java(tmp_path / "jdk-25", 25)
    monkeypatch.setenv("JAVA_HOME", str(newer))
    result = doctor(monkeypatch, tmp_path, "spark")
    assert result.exit_code == 0
    assert f"(not used: JAVA_HOME={newer}: Java 25, too new)" in result.stdout
    assert "pyspark 4.1.1" in result.stdout
    assert f"Spark's jars: {len(read_lock())} in {sys.prefix}" in result.stdout
