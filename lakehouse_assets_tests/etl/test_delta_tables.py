"""The tables themselves: who can read them, how they are laid out, what their logs say, and what happens to one that is
not what its contract says.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable, Field, Schema, TableFeatures
from deltalake.schema import PrimitiveType

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.etl.engines.base import REJECTED_COLUMNS, Engine
from lakehouse_assets_tests.etl.support import House, row, rows_file

TYPES = {"int": "integer", "bigint": "long"}


@pytest.fixture(scope="module")
def loaded(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> House:
    """Tables that were created, inserted into and merged; the tests only look at them."""
    house = House(engine, tmp_path_factory.mktemp("loaded"), read_contracts())
    for minutes, batch in enumerate(("b1", "b2")):
        files = {
            dataset: [
                rows_file(
                    dataset,
                    row(dataset, user_id=str(minutes))
                    if dataset != "products"
                    else row(dataset, department_id=str(minutes)),
                    ("x",),
                    minutes=minutes,
                )
            ]
            for dataset in house.contracts
        }
        house.batch(batch, **files)
    return house


def actions(table: DeltaTable, kind: str) -> list[dict[str, Any]]:
    """The log's actions of one kind, oldest first."""
    lines = [
        line
        for path in sorted(Path(table.table_uri.removeprefix("file://"), "_delta_log").glob("*.json"))
        for line in path.read_text().splitlines()
    ]
    return [action[kind] for line in lines if kind in (action := json.loads(line))]


def test_every_delta_reader_reads_the_tables(loaded: House) -> None:
    for dataset in loaded.contracts:
        for table in (loaded.delta(dataset), loaded.delta_rejects(dataset)):
            assert table.version() > 1
            assert {action["minReaderVersion"] for action in actions(table, "protocol")} == {1}


def test_a_table_has_the_contracts_columns_then_the_provenance(loaded: House) -> None:
    for dataset, contract in loaded.contracts.items():
        fields = loaded.delta(dataset).schema().fields
        expected = {name: TYPES.get(kind, kind) for name, kind in contract.table_columns.items()}
        assert [(field.name, field.type.type) for field in fields] == list(expected.items())
        assert loaded.delta(dataset).metadata().partition_columns == [contract.partition]


def test_the_rejects_are_partitioned_by_whether_they_wait(loaded: House) -> None:
    table = loaded.delta_rejects("orders")
    assert [field.name for field in table.schema().fields] == list(REJECTED_COLUMNS)
    assert table.metadata().partition_columns == ["waiting"]


def test_each_write_is_one_commit_with_the_batchs_transaction(loaded: House) -> None:
    for dataset in loaded.contracts:
        assert [action["appId"] for action in actions(loaded.delta(dataset), "txn")] == [
            f"{dataset}:b1",
            f"{dataset}:b2",
        ]
        assert [action["appId"] for action in actions(loaded.delta_rejects(dataset), "txn")] == [
            f"rejects:{dataset}:b1",
            f"rejects:{dataset}:b2",
        ]


def test_the_provenance_says_batch_file_and_file_time(loaded: House) -> None:
    [found] = loaded.rows("orders")
    assert (found["batch_id"], found["source_file"], found["source_modified_at"].isoformat()) == (
        "b2",
        "file.csv",
        "2025-06-01T12:01:00+00:00",
    )


@pytest.mark.parametrize(
    ("columns", "differing"),
    [
        (
            {"product_id": "integer", "department_id": "integer"},
            "batch_id, department, product_name, source_file, source_modified_at",
        ),
        ({"size": "string"}, "size"),
        ({"department_id": "long"}, "department_id"),
    ],
    ids=["lacks columns", "has another", "of another type"],
)
def test_a_table_that_differs_from_its_contract_is_left_alone(
    engine: Engine, tmp_path: Path, columns: dict[str, str], differing: str
) -> None:
    house = House(engine, tmp_path, read_contracts())
    own = {name: TYPES.get(kind, kind) for name, kind in house.contracts["products"].table_columns.items()}
    shape = columns if len(columns) > 1 else own | columns
    DeltaTable.create(
        house.tables.table("products"), Schema([Field(name, PrimitiveType(kind)) for name, kind in shape.items()])
    )
    with pytest.raises(
        BadConfiguration, match=f"products differs from its contract in: {differing}\\. Migrate the table"
    ):
        house.load("products", "b1", rows_file("products", row("products")))
    assert house.delta("products").version() == 0


def test_a_table_that_athena_cannot_read_is_left_alone(house: House) -> None:
    house.load("products", "b1", rows_file("products", row("products")))
    house.delta("products").alter.add_feature(TableFeatures.DeletionVectors, allow_protocol_versions_increase=True)
    with pytest.raises(
        BadConfiguration, match="needs Delta reader version 3; this project keeps its tables at version 1"
    ):
        house.load("products", "b2", rows_file("products", row("products")))


def test_maintenance_compacts_small_files_and_changes_no_row(house: House) -> None:
    for number in range(3):
        house.load(
            "orders",
            f"b{number}",
            rows_file("orders", row("orders", order_id=str(number)), row("orders", order_id="x"), minutes=number),
        )
    before = house.rows("orders"), house.rejects("orders")
    done = house.engine.maintain(house.contracts["orders"], house.tables, 168)
    assert [(it.table, it.compacted, it.into, it.deleted) for it in done] == [
        (house.tables.table("orders"), 3, 1, 0),
        (house.tables.rejects("orders"), 3, 1, 0),
    ]
    assert (house.rows("orders"), house.rejects("orders")) == before
    assert len(house.delta("orders").file_uris()) == 1
    assert house.delta("orders").protocol().min_reader_version == 1
    assert house.load("orders", "b2", rows_file("orders", row("orders", order_id="2"), minutes=2)).written is None
