"""A load on a Spark that was there before, or whose cluster has settings of its own: a notebook's, another asset's."""

from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.errors import TemporaryOutage
from lakehouse_assets.etl.engines.base import LoadResult, RawFile
from lakehouse_assets.etl.engines.spark import SparkEngine
from lakehouse_assets_tests.etl.support import HEADERS, Given, House, csv_text, row, rows_file
from lakehouse_assets_tests.spark import spark_of_tests

pytestmark = pytest.mark.spark

OF_THE_CLUSTER = {
    "spark.sql.session.timeZone": "America/New_York",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.caseSensitive": "true",
    "spark.sql.files.ignoreCorruptFiles": "true",
    "spark.sql.files.ignoreMissingFiles": "true",
    "spark.databricks.delta.autoCompact.enabled": "true",
    "spark.databricks.delta.autoCompact.minNumFiles": "2",
}


class OfTheCluster:
    """Stands in for a process's session that someone else set up: a new session of it begins with these settings."""

    def newSession(self) -> SparkSession:  # noqa: N802 - Spark's own name
        session = spark_of_tests().newSession()
        for name, value in OF_THE_CLUSTER.items():
            session.conf.set(name, value)
        return session


@pytest.fixture
def house(tmp_path: Path) -> House:
    theirs: Any = OfTheCluster()
    return House(SparkEngine(lambda: theirs, reads_from_bucket=False), tmp_path, read_contracts())


def decided(house: House, file: RawFile) -> LoadResult:
    with house.engine.dataset_load(house.contracts["products"], house.tables, "b1") as load:
        load.read([file])
        load.retry_orphans()
        return load.decide()


def test_a_timestamp_is_what_the_file_says_whatever_the_clusters_time_zone(house: House) -> None:
    house.load("orders", "b1", rows_file("orders", row("orders", order_timestamp="2025-04-01T11:27:00")))
    [loaded] = house.rows("orders")
    assert loaded["order_timestamp"].isoformat() == "2025-04-01T11:27:00+00:00"


def test_a_file_that_cannot_be_read_to_its_end_fails_the_load(house: House) -> None:
    """Spoiled after preflight; it stands for a disk or a network that fails in the middle of a file."""
    random.seed(7)
    rows = [row("products", product_id=str(number), product_name=random.randbytes(9).hex()) for number in range(20_000)]
    packed = bytearray(gzip.compress(csv_text(HEADERS["products"], rows).encode()))
    file = house.raw_file(Given("p.csv.gz", bytes(packed)))
    packed[len(packed) // 2 :] = b"\xff" * (len(packed) - len(packed) // 2)
    file.path.write_bytes(packed)
    with pytest.raises(TemporaryOutage, match="Spark failed during the load"):
        decided(house, file)


def test_each_write_is_the_tables_last_commit(house: House) -> None:
    """Its figures are held against what was decided."""
    for number in range(3):
        loaded = house.load(
            "products",
            f"b{number}",
            rows_file("products", row("products", product_id=str(number)), row("products", product_id="x")),
        )
        assert loaded.written is not None
    assert "OPTIMIZE" not in {entry["operation"] for entry in house.delta("products").history()}
    assert (len(house.rows("products")), len(house.rejects("products"))) == (3, 3)
