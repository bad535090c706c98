"""Spark's two ways to MERGE corrections: a copy for every worker where they are few, a shuffle where they are many. One
outcome.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets.etl.engines.spark import load
from lakehouse_assets_tests.etl.support import House, row, rows_file

KEYS = range(60, 70)


@pytest.mark.spark
@pytest.mark.parametrize("most", [load.MOST_BROADCAST_BYTES, 0], ids=["few", "many"])
def test_corrections_change_their_rows_and_no_others(
    spark: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(load, "MOST_BROADCAST_BYTES", most)
    house = House(spark, tmp_path, read_contracts())
    house.load("products", "b1", rows_file("products", *(row("products", product_id=str(key)) for key in KEYS)))
    corrected = [
        row("products", product_id=str(key), product_name="Globe", department_id=str(key % 3))
        for key in KEYS
        if key % 2
    ]
    loaded = house.load("products", "b2", rows_file("products", *corrected, minutes=1))
    assert loaded.counts == {"read": 5, "updated": 5}
    assert loaded.written is not None
    assert (loaded.written.inserted, loaded.written.updated) == (0, 5)
    found = house.values("products", "product_id", "product_name", "department_id", "batch_id")
    assert found == [(key, "Globe", key % 3, "b2") if key % 2 else (key, "Atlas", 2, "b1") for key in KEYS]
