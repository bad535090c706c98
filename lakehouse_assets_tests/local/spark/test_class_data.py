"""Spark starts from an archive of its classes where there is one that fits, and else without it and without a word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse_assets.local.spark.class_archive import make_archive
from lakehouse_assets.local.spark.class_data import QUIET, archive_file, is_whole, with_class_data
from lakehouse_assets.local.spark.jars import installed_jars
from lakehouse_assets.local.spark.java import java_home
from lakehouse_assets_tests.spark import mapped_files, spark_of_tests

OPTIONS = "spark.driver.extraJavaOptions"


@pytest.fixture(scope="module")
def archive() -> Path:
    """The one that `make spark` made."""
    if not is_whole(archive_file()):
        assert make_archive(archive_file()) is None
    return archive_file()


@pytest.mark.spark
def test_spark_starts_from_the_archive(archive: Path) -> None:
    assert str(archive) in mapped_files(spark_of_tests())


@pytest.mark.spark
@pytest.mark.parametrize("kind", ["of other jars", "of something else", "empty", "a folder"])
def test_java_does_without_an_archive_that_does_not_fit_and_says_nothing(
    kind: str, archive: Path, tmp_path: Path
) -> None:
    file = tmp_path / "spark-classes.jsa"
    if kind == "of other jars":
        file.symlink_to(archive)
    elif kind == "a folder":
        file.mkdir()
    else:
        file.write_bytes({"of something else": b"PK" * 9999, "empty": b""}[kind])

    answer = _java(file)

    assert (answer.returncode, answer.stdout) == (0, ""), answer
    assert answer.stderr.startswith("openjdk version")


def test_without_an_archive_the_configuration_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))

    assert with_class_data({OPTIONS: "-Dx=y"}) == {OPTIONS: "-Dx=y"}


def test_an_archive_that_was_cut_off_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Java dies of it."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    file = archive_file()
    file.parent.mkdir(parents=True)
    file.write_bytes(b"half of it")
    file.with_suffix(".size").write_text("20\n")

    assert with_class_data({OPTIONS: "-Dx=y"}) == {OPTIONS: "-Dx=y"}
    file.write_bytes(b"half of it" * 2)
    assert f"-XX:SharedArchiveFile={file}" in with_class_data({OPTIONS: "-Dx=y"})[OPTIONS]


def test_where_no_archive_can_be_written_the_reason_is_given(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert "file" in str(make_archive(tmp_path / "file" / "spark-classes.jsa"))


def test_where_spark_does_not_run_the_reason_is_given_and_the_old_archive_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spark-classes.jsa").touch()
    (tmp_path / "python").write_text("#!/bin/sh\necho one\necho No Java here.\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    assert make_archive(tmp_path / "spark-classes.jsa") == "No Java here."
    assert os.listdir(tmp_path) == ["python"]  # noqa: PTH208


def _java(archive: Path) -> subprocess.CompletedProcess[str]:
    options = [f"-XX:SharedArchiveFile={archive}", QUIET, "-cp", str(installed_jars()[-1]), "-version"]
    return subprocess.run([java_home() / "bin" / "java", *options], check=False, capture_output=True, text=True)
