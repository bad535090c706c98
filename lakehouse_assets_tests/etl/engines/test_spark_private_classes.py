"""Glue's Spark is a build of its own: what this one's private classes give, the public API gives where they are
absent.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JError

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets.etl.engines.spark import private
from lakehouse_assets.etl.engines.spark.log import Log
from lakehouse_assets_tests.etl.support import House
from lakehouse_assets_tests.etl.test_replays import FIRST, SECOND
from lakehouse_assets_tests.spark import spark_of_tests

pytestmark = pytest.mark.spark


class Everything(set[str]):
    def __contains__(self, _: object) -> bool:
        return True


def loaded(engine: Engine, folder: Path) -> House:
    """Two batches; in the second each load stops after its MERGE and is done again."""
    folder.mkdir()
    house = House(engine, folder, read_contracts())
    house.batch("b1", **FIRST)
    for dataset in house.contracts:
        house.load(dataset, "b2", *SECOND[dataset], until="merge")
        house.load(dataset, "b2", *SECOND[dataset])
    return house


def test_a_spark_without_the_private_classes_loads_the_same(
    spark: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private, "_missed", set())
    usual = loaded(spark, tmp_path / "usual")
    assert private._missed == set(), "this build has them all"

    monkeypatch.setattr(private, "_missed", Everything())
    public = loaded(spark, tmp_path / "public")

    assert public.state() == usual.state()
    assert public.versions() == usual.versions()


def test_a_class_or_a_method_that_is_absent_is_missed_once_and_said(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private, "_missed", set())
    delta = Log(spark_of_tests(), "s3://nowhere")._delta
    for absent in (lambda: delta.NoSuchClass.forTable(1), lambda: delta.DeltaLog.noSuchMethod(1)):
        assert private.either(str(absent), absent, lambda: "public") == "public"
        assert private.either(str(absent), absent, lambda: "public") == "public"
    assert caplog.text.count("lacks a private class") == 2


def test_what_a_private_class_itself_fails_of_is_not_taken_for_its_absence() -> None:
    jvm: Any = spark_of_tests()._jvm
    with pytest.raises(Py4JError, match="IndexOutOfBoundsException"):
        private.either("get", lambda: jvm.java.util.ArrayList().get(1), lambda: pytest.fail("the public way was taken"))
