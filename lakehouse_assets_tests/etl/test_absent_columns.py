"""A column that is not in a file says nothing: the table's value stays, unless the contract says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakehouse_assets.contracts import Contracts
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets_tests.contracts.support import read
from lakehouse_assets_tests.etl.support import Given, House, csv_text

ROW = ("id", "name", "country", "visits")


def customers(
    folder: Path,
    *,
    version: str | None = None,
    when_absent: dict[str, str] | None = None,
    columns: tuple[str, ...] = ROW,
) -> Contracts:
    """The dataset `customers`: the key `id`, the optional texts `name` and `country`, and the optional number
    `visits`.
    """
    types = {"id": ("integer", "int"), "visits": ("integer", "int"), "changed": ("integer", "int")}
    properties: list[dict[str, Any]] = []
    for name in (*columns, *([version] if version else [])):
        logical, physical = types.get(name, ("string", "string"))
        column = {
            "name": name,
            "logicalType": logical,
            "physicalType": physical,
            "required": name in ("id", version),
            "primaryKey": name == "id",
        }
        if name in (when_absent or {}):
            column["customProperties"] = [{"property": "whenAbsent", "value": (when_absent or {})[name]}]
        properties.append(column)
    schema: dict[str, Any] = {"name": "customers", "logicalType": "object", "properties": properties}
    if version:
        schema["customProperties"] = [{"property": "version", "value": version}]
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "customers",
        "name": "customers",
        "version": "1.0.0",
        "status": "active",
    }
    return read(folder, customers={**document, "schema": [schema]})


def house(engine: Engine, folder: Path, **contract: Any) -> House:
    return House(engine, folder, customers(folder, **contract))


def file(minutes: int, text: str) -> Given:
    """A file whose lines are given with spaces between the fields: `-` is an empty one."""
    header, *rows = [tuple("" if word == "-" else word for word in line.split()) for line in text.split("/")]
    return Given(f"{minutes}.csv", csv_text(header, rows), minutes)


def test_a_file_without_an_optional_column_leaves_it_as_the_table_has_it(engine: Engine, tmp_path: Path) -> None:
    of = house(engine, tmp_path)
    of.batch("b1", customers=[file(1, "id name country / 1 Ann Germany / 2 Bo Spain / 3 Cy -")])
    loaded = of.batch("b2", customers=[file(2, "id name / 1 Anna / 2 Bo / 4 Di")])["customers"]
    assert loaded.counts == {"read": 3, "inserted": 1, "updated": 1, "unchanged": 1}
    assert of.values("customers", "id", "name", "country", "source_file") == [
        (1, "Anna", "Germany", "2.csv"),
        (2, "Bo", "Spain", "2.csv"),
        (3, "Cy", None, "1.csv"),
        (4, "Di", None, "2.csv"),
    ]


def test_a_blank_cell_of_a_column_that_is_there_empties_it(engine: Engine, tmp_path: Path) -> None:
    of = house(engine, tmp_path)
    of.batch("b1", customers=[file(1, "id country visits / 1 Germany 3")])
    of.batch("b2", customers=[file(2, "id country / 1 -")])
    assert of.values("customers", "country", "visits") == [(None, 3)]


def test_rows_of_one_key_in_one_batch_add_up_as_if_each_came_alone(engine: Engine, tmp_path: Path) -> None:
    """Each column has what was said of it last: by the table, or by a row of the batch, of the same file or of
    another.
    """
    of = house(engine, tmp_path)
    of.batch("b0", customers=[file(0, "id name country visits / 1 Ann Germany 1 / 2 Bo Spain 2 / 3 Cy Peru 3")])
    files = [
        file(1, "id country / 1 France / 1 Italy / 3 -"),
        file(2, "id visits / 1 7 / 2 8 / 5 9"),
        file(3, "id name / 1 Anna / 3 Cyd / 5 Eve"),
    ]
    loaded = of.batch("b1", customers=files)["customers"]
    assert loaded.counts == {"read": 9, "inserted": 1, "updated": 3, "duplicates": 5}
    assert of.values("customers", *ROW) == [
        (1, "Anna", "Italy", 7),
        (2, "Bo", "Spain", 8),
        (3, "Cyd", None, 3),
        (5, "Eve", None, 9),
    ]


def test_an_older_version_adds_nothing_to_a_newer_one_that_came_before(engine: Engine, tmp_path: Path) -> None:
    """Neither in one batch nor in two, nor against the table."""
    files = [
        file(1, "id changed name / 1 5 Ann / 2 1 Bo"),
        file(2, "id changed country / 1 4 Spain / 2 2 Peru"),
        file(3, "id changed visits / 1 5 7 / 2 1 8"),
    ]
    expected = [(1, "Ann", None, 7), (2, "Bo", "Peru", None)]
    for name, batches in {"one": [files], "three": [[each] for each in files], "two": [files[:1], files[1:]]}.items():
        (tmp_path / name).mkdir()
        of = house(engine, tmp_path / name, version="changed")
        for number, batch in enumerate(batches):
            of.batch(f"b{number}", customers=batch)
        assert of.values("customers", *ROW) == expected, name


@pytest.mark.parametrize(("policy", "country"), [("keep", "Germany"), ("empty", None)])
def test_the_contract_says_what_a_file_without_the_column_means(
    engine: Engine, tmp_path: Path, policy: str, country: str | None
) -> None:
    of = house(engine, tmp_path, when_absent={"country": policy})
    of.batch("b1", customers=[file(1, "id name country / 1 Ann Germany")])
    of.batch("b2", customers=[file(2, "id name / 1 Anna")])
    assert of.values("customers", "name", "country") == [("Anna", country)]


def test_a_column_whose_absence_is_not_taken_is_one_that_each_file_must_have(tmp_path: Path) -> None:
    contract = customers(tmp_path, when_absent={"country": "quarantine", "visits": "empty"})["customers"]
    assert contract.required_names == ("id", "country")
    assert contract.kept_names == ("name",)


def test_another_word_for_an_absent_column_is_a_fault_of_the_contract(tmp_path: Path) -> None:
    with pytest.raises(
        BadConfiguration,
        match="column country: custom property whenAbsent 'null' must be one of keep, empty, quarantine",
    ):
        customers(tmp_path, when_absent={"country": "null"})


def test_a_column_that_the_contract_gained_later_is_added_to_the_table_and_old_files_leave_it(
    engine: Engine, tmp_path: Path
) -> None:
    before = house(engine, tmp_path, columns=("id", "name"))
    before.batch("b1", customers=[file(1, "id name / 1 Ann / x Bo")])
    after = House(engine, tmp_path, customers(tmp_path))
    after.batch("b2", customers=[file(2, "id name country / 1 Ann Germany / 2 Bo Spain")])
    after.batch("b3", customers=[file(3, "id name / 1 Anna / 3 Cy")])
    assert after.values("customers", "id", "name", "country") == [
        (1, "Anna", "Germany"),
        (2, "Bo", "Spain"),
        (3, "Cy", None),
    ]
    after.batch("b4", customers=[file(4, "id country visits / 2 - 5")])
    assert after.values("customers", *ROW) == [(1, "Anna", "Germany", None), (2, "Bo", None, 5), (3, "Cy", None, None)]


def test_a_column_that_the_contract_lost_is_refused(engine: Engine, tmp_path: Path) -> None:
    before = house(engine, tmp_path)
    before.batch("b1", customers=[file(1, "id country / 1 Germany")])
    with pytest.raises(BadConfiguration, match="customers differs from its contract in: country, visits"):
        House(engine, tmp_path, customers(tmp_path, columns=("id", "name"))).batch("b2", customers=[file(2, "id / 1")])
