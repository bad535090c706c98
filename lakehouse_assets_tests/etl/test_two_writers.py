"""Two loads of one dataset at once, on S3: the one that commits second is refused, and tried again it comes out
right.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from deltalake import DeltaTable

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.errors import TemporaryOutage
from lakehouse_assets.etl.engines.base import DatasetLoad, Engine, LoadResult, Tables
from lakehouse_assets.etl.engines.spark import SparkEngine
from lakehouse_assets_tests.etl.support import Given, House, row, rows_file
from lakehouse_assets_tests.spark import spark_of_tests
from lakehouse_assets_tests.support import read_delta

pytestmark = pytest.mark.every_s3


@pytest.fixture
def house(engine: Engine, lakehouse: Lakehouse, tmp_path: Path) -> House:
    """Its tables lie on S3."""
    options = lakehouse.aws.storage_options
    house = House(
        SparkEngine(spark_of_tests, options, reads_from_bucket=False) if engine.name == "spark" else engine,
        tmp_path,
        read_contracts(),
    )
    house.tables = Tables(lakehouse.tables.data, lakehouse.tables.rejected, options)
    return house


def products(name: str, minutes: int, *keys: int) -> Given:
    return rows_file(
        "products",
        *(row("products", product_id=str(key), product_name=name) for key in keys),
        name=f"{name}.csv",
        minutes=minutes,
    )


@contextmanager
def decided(house: House, batch: str, file: Given) -> Iterator[tuple[DatasetLoad, LoadResult]]:
    """The load of a batch up to its first write."""
    with house.engine.dataset_load(house.contracts["products"], house.tables, batch) as load:
        load.read([house.raw_file(file)])
        load.retry_orphans()
        yield load, load.decide()


def loaded(house: House, batch: str, file: Given) -> LoadResult:
    with decided(house, batch, file) as (load, load_result):
        load.write_rejects()
        load.merge()
        load.settle_rejects()
    return load_result


def overtaken(house: House, batch: str, file: Given, other: DatasetLoad) -> None:
    """The load of a batch, for which another commits its rows between this one's verdicts and its own commit."""
    with decided(house, batch, file) as (load, _):
        other.merge()
        load.merge()


def found(house: House) -> list[tuple[int, str, str]]:
    table = DeltaTable(house.tables.table("products"), storage_options=house.tables.storage_options)
    return read_delta(table, ("product_id", "product_name", "batch_id"))[1]


def test_of_two_loads_that_append_the_same_keys_one_is_refused(house: House) -> None:
    """A plain append is moved behind any other append by both writers of Delta: each key would be there twice."""
    ours = products("ours", 1, 1, 2, 3)
    with (
        decided(house, "theirs", products("theirs", 0, 1, 2)) as (theirs, _),
        pytest.raises(TemporaryOutage, match="another writer committed"),
    ):
        overtaken(house, "ours", ours, theirs)
    assert found(house) == [(1, "theirs", "theirs"), (2, "theirs", "theirs")]

    again = loaded(house, "ours", ours)
    assert (again.counts.inserted, again.counts.updated) == (1, 2)
    assert found(house) == [(1, "ours", "ours"), (2, "ours", "ours"), (3, "ours", "ours")]


def test_of_two_loads_that_correct_the_same_row_the_older_word_does_not_win(house: House) -> None:
    """By the table as it was both are corrections."""
    loaded(house, "first", products("first", 0, 1))
    older = products("older", 1, 1)
    with (
        decided(house, "newer", products("newer", 2, 1)) as (newer, _),
        pytest.raises(TemporaryOutage, match="another writer committed"),
    ):
        overtaken(house, "older", older, newer)

    assert loaded(house, "older", older).counts.stale == 1
    assert found(house) == [(1, "newer", "newer")]


def test_a_load_that_met_no_other_makes_all_its_commits(house: House) -> None:
    """Its rejected records, its rows, what it settles: each commit stands on the one before."""
    loaded(house, "first", rows_file("products", row("products"), row("products", product_id="x")))
    assert loaded(house, "second", products("second", 1, 1, 2)).counts.updated == 1
    assert found(house) == [(1, "second", "second"), (2, "second", "second")]
