"""For any rows, in any split over files and batches, an engine's tables, rejected records and counts are those of the
reference.

Example by example with the embedded engine; `test_engines_agree` holds Spark to it, thousands of examples in one
load."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as for_any
from hypothesis import strategies as st

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets_tests.etl.generated import (
    CELLS,
    Batch,
    Outcome,
    batches,
    history,
    loaded,
    minutes_of,
    row_of,
    sorted_records,
)
from lakehouse_assets_tests.etl.reference import DATASETS, File, Reference
from lakehouse_assets_tests.etl.support import HEADERS, House

SLOW = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], print_blob=True
)
CONTRACTS = read_contracts()
RECORD = ("row_number", "raw", "reasons", "batch_id", "waiting", "healed_by", "resolved_by", "resolution", "key")


def of_engine(house: House) -> Outcome:
    tables: dict[str, list[dict[str, Any]]] = {}
    rejects: dict[str, list[tuple[Any, ...]]] = {}
    for dataset in house.contracts:
        tables[dataset] = [
            row | {"source_modified_at": minutes_of(row["source_modified_at"])} for row in house.rows(dataset)
        ]
        rejects[dataset] = sorted_records(
            [
                (r["source_file"], minutes_of(r["source_modified_at"]), *(r[name] for name in RECORD))
                for r in house.rejects(dataset)
            ]
        )
    return Outcome(tables, rejects)


def of_reference(reference: Reference) -> Outcome:
    tables = {
        name: [
            row.values | {"batch_id": row.batch, "source_file": row.file, "source_modified_at": row.minutes}
            for _, row in sorted(table.items())
        ]
        for name, table in reference.tables.items()
    }
    rejects = {
        name: sorted_records(
            [
                (
                    r.file,
                    r.minutes,
                    r.number,
                    r.raw,
                    r.reasons,
                    r.batch,
                    r.waiting,
                    r.healed_by,
                    r.resolved_by,
                    r.resolution,
                    reference.datasets[name].key_text(r.raw),
                )
                for r in records
            ]
        )
        for name, records in reference.rejects.items()
    }
    return Outcome(tables, rejects)


@settings(SLOW, max_examples=40)
@for_any(batches())
def test_any_rows_in_any_batches_end_as_in_the_reference(embedded: Engine, given_batches: list[Batch]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        house, reference = House(embedded, Path(folder), CONTRACTS), Reference()
        for number, batch in enumerate(given_batches):
            assert loaded(house, f"b{number}", batch) == reference.batch(f"b{number}", batch)
        assert of_engine(house) == of_reference(reference)


@settings(SLOW, max_examples=20)
@for_any(st.data())
def test_files_in_time_order_give_the_same_tables_however_they_are_split_over_batches(
    embedded: Engine, data: st.DataObject
) -> None:
    """Parents come first, so that no item waits."""
    parents: list[tuple[str, File]] = []
    for minutes, dataset in enumerate(("products", "orders")):
        ids = [cells[0] for cells in CELLS[dataset].values()][["products", "orders"].index(dataset)]
        place = HEADERS[dataset].index(DATASETS[dataset].keys[0])
        sound = data.draw(row_of(dataset, odd=False))
        rows = tuple((*sound[:place], key, *sound[place + 1 :]) for key in ids)
        parents.append((dataset, File("parents.csv", minutes, HEADERS[dataset], rows)))
    order = data.draw(st.lists(st.sampled_from(sorted(DATASETS)), min_size=2, max_size=5))
    files = parents + [
        (
            dataset,
            File(
                "file.csv",
                minutes,
                HEADERS[dataset],
                tuple(data.draw(st.lists(row_of(dataset), min_size=1, max_size=4))),
            ),
        )
        for minutes, dataset in enumerate(order, start=2)
    ]
    cuts = sorted(data.draw(st.sets(st.integers(2, len(files) - 1), max_size=3)))
    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as split:
        at_once, in_parts = House(embedded, Path(whole), CONTRACTS), House(embedded, Path(split), CONTRACTS)
        loaded(at_once, "whole", batch_of(files))
        for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(files)], strict=True)):
            loaded(in_parts, f"part-{number}", batch_of(files[start:end]))
        for dataset in DATASETS:
            names = HEADERS[dataset]
            assert in_parts.values(dataset, *names) == at_once.values(dataset, *names)
            assert [record["raw"] for record in in_parts.rejects(dataset)] == [
                record["raw"] for record in at_once.rejects(dataset)
            ]


def batch_of(files: list[tuple[str, File]]) -> Batch:
    return {dataset: [file for owner, file in files if owner == dataset] for dataset in DATASETS}


def test_fifty_thousand_rows_a_tenth_of_them_spoiled_end_as_in_the_reference(engine: Engine, tmp_path: Path) -> None:
    house, reference = House(engine, tmp_path, CONTRACTS), Reference()
    chance = random.Random(20250401)
    for number in range(2):
        batch = {
            "products": [many("products", 1_000, number, chance, product_id=1_000)],
            "orders": [many("orders", 4_000, 2 * number + part, chance, order_id=6_000) for part in range(2)],
            "order_items": [
                many("order_items", 8_000, 2 * number + part, chance, id=20_000, order_id=6_000, product_id=1_000)
                for part in range(2)
            ],
        }
        assert loaded(house, f"b{number}", batch) == reference.batch(f"b{number}", batch)
    assert of_engine(house) == of_reference(reference)


HISTORIES = [("embedded", 0), ("embedded", 1), ("embedded", 2), pytest.param("spark", 0, marks=pytest.mark.spark)]


@pytest.mark.parametrize(("engine_name", "seed"), HISTORIES)
def test_corrections_repeats_and_waiting_rows_in_any_order_end_as_in_the_reference(
    request: pytest.FixtureRequest, engine_name: str, seed: int, tmp_path: Path
) -> None:
    """Hundreds of keys, each with a history of its own: A, B, A for every verdict."""
    engine: Engine = request.getfixturevalue(engine_name)
    house, reference = House(engine, tmp_path, CONTRACTS), Reference()
    for number, batch in enumerate(history(seed, rows=300, keys=150)):
        assert loaded(house, f"b{number}", batch) == reference.batch(f"b{number}", batch)
    assert of_engine(house) == of_reference(reference)
    outcomes = {(record.resolution, record.waiting) for records in reference.rejects.values() for record in records}
    assert outcomes >= {("healed", False), ("corrected", False), (None, True), (None, False)}


def many(dataset: str, rows: int, minutes: int, chance: random.Random, **keys: int) -> File:
    """Rows whose named columns are numbers below a limit; one cell in a tenth of the rows is odd."""

    def row() -> tuple[str, ...]:
        cells = [
            str(chance.randrange(keys[column])) if column in keys else chance.choice(good)
            for column, (good, _) in CELLS[dataset].items()
        ]
        if chance.random() < 0.1:
            place = chance.randrange(len(cells))
            cells[place] = chance.choice(list(CELLS[dataset].values())[place][1])
        return tuple(cells if chance.random() < 0.999 else cells[:-1])

    return File(f"{dataset}.csv", minutes, HEADERS[dataset], tuple(row() for _ in range(rows)))
