"""Both engines on the same rows end equal: tables, rejected records, counts, reasons; and a lakehouse may change its
engine with every batch.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as for_any
from hypothesis import strategies as st

from lakehouse_assets.contracts import Contracts, read_contracts
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets_tests.etl.generated import Batch, loaded, row_of
from lakehouse_assets_tests.etl.reference import DATASETS, File
from lakehouse_assets_tests.etl.support import HEADERS, Given, House, row, rows_file

pytestmark = pytest.mark.spark

EXAMPLES = 600
"""Of each dataset. All of them are four files in two batches, so that rows repeat, correct each other, wait and
heal.
"""
Row = tuple[str, ...]


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return read_contracts()


def generated_rows() -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {dataset: [] for dataset in DATASETS}

    @settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow], database=None)
    @for_any(st.tuples(*(row_of(dataset) for dataset in DATASETS)))
    def collect(rows: tuple[Row, ...]) -> None:
        for dataset, cells in zip(DATASETS, rows, strict=True):
            found[dataset].append(cells)

    collect()
    return found


def in_two_batches(rows: dict[str, list[Row]]) -> list[Batch]:
    return [
        {
            dataset: [
                File(f"{part}.csv", 2 * batch + part, HEADERS[dataset], tuple(cells[2 * batch + part :: 4]))
                for part in range(2)
            ]
            for dataset, cells in rows.items()
        }
        for batch in range(2)
    ]


def test_thousands_of_generated_rows_end_equal_in_both_engines(
    embedded: Engine, spark: Engine, contracts: Contracts, tmp_path: Path
) -> None:
    rows = generated_rows()
    assert all(len(cells) >= EXAMPLES / 2 for cells in rows.values())
    houses = [House(engine, tmp_path / engine.name, contracts) for engine in (embedded, spark)]
    for house in houses:
        house.folder.mkdir()
    for number, batch in enumerate(in_two_batches(rows)):
        one, other = (loaded(house, f"b{number}", batch) for house in houses)
        assert other == one
    one_state, other_state = (house.state() for house in houses)
    assert other_state == one_state
    assert all(table and rejected for table, rejected in one_state.values())


def days_files(day: int) -> dict[str, list[Given]]:
    """A day's files: new rows, corrections of the day before, a spoiled row, an orphan whose parents come a day
    later.
    """
    date = f"2025-04-{day + 1:02}"
    moment = f"{date}T11:27:00"
    products = [row("products", product_id=str(key), product_name=f"Atlas {day}") for key in (day, day + 1)]
    orders = [row("orders", order_id=str(10 + key), order_timestamp=moment, date=date) for key in (day, day + 1)] + [
        row("orders", order_id="x")
    ]
    items = [
        row(
            "order_items",
            id=str(100 + key),
            order_id=str(10 + key),
            product_id=str(key),
            order_timestamp=moment,
            date=date,
        )
        for key in (day, day + 1, day + 2)
    ]
    named = {"products": products, "orders": orders, "order_items": items}
    return {dataset: [rows_file(dataset, *cells, name=f"{day}.csv", minutes=day)] for dataset, cells in named.items()}


def test_a_lakehouse_whose_batches_alternate_between_the_engines_ends_as_one_of_a_single_engine(
    embedded: Engine, spark: Engine, contracts: Contracts, tmp_path: Path
) -> None:
    alone, mixed = (House(embedded, tmp_path / name, contracts) for name in ("alone", "mixed"))
    for house in (alone, mixed):
        house.folder.mkdir()
    for day in range(4):
        alone.batch(f"b{day}", **days_files(day))
        mixed.engine, other = (spark, embedded) if day % 2 else (embedded, spark)
        mixed.batch(f"b{day}", **days_files(day))
        versions = mixed.versions()
        mixed.engine = other
        mixed.batch(f"b{day}", **days_files(day))
        assert mixed.versions() == versions, "the other engine replayed a batch that was committed"
    assert mixed.state() == alone.state()
    assert mixed.versions() == alone.versions()
    for dataset in contracts:
        for one, other_table in (
            (alone.delta(dataset), mixed.delta(dataset)),
            (alone.delta_rejects(dataset), mixed.delta_rejects(dataset)),
        ):
            assert other_table.protocol() == one.protocol()
            assert other_table.schema() == one.schema()
            assert other_table.metadata().partition_columns == one.metadata().partition_columns
            assert other_table.metadata().configuration == one.metadata().configuration
        assert [mixed.delta(dataset).transaction_version(f"{dataset}:b{day}") for day in range(4)] == [1, 1, 1, 1]
    engines = {
        commit.get("engineInfo", commit.get("clientVersion", "")).split(":")[0].split("/")[0]
        for commit in mixed.delta("orders").history()
    }
    assert len(engines) == 2, engines
