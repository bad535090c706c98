"""A contract that is accepted can be loaded, whatever its names mean in SQL, or in the engines' own tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.contracts.columns import RESERVED
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets.etl.plan import judge_sql
from lakehouse_assets.etl.trial import try_plans
from lakehouse_assets_tests.contracts.support import read
from lakehouse_assets_tests.etl.kinds import of_texts
from lakehouse_assets_tests.etl.support import House, rows_file

OF_SPARK = """all and anti any array as at authorization between both by case cast check collate column commit constraint create cross cube current current_date
current_time current_timestamp current_user day delete describe distinct div drop else end escape except exists external extract false fetch filter for foreign
from full function global grant group grouping having hour in inner insert intersect interval into is join lateral leading left like limit local map merge
minus minute month natural no not null of offset on only or order out outer overlaps partition position primary range references rlike rollback rollup row
rows second select semi session_user set some start struct table then time timestamp to trailing true truncate union unique unknown update user using value
values when where window with year"""
OF_TRINO = """alter deallocate execute json_array json_exists json_object json_query json_table json_value listagg localtime localtimestamp normalize prepare
recursive skip uescape unnest current_catalog current_path current_role current_schema"""
OF_DUCKDB = [
    word
    for (word,) in duckdb.execute(
        "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
    ).fetchall()
]
OF_ENGINES = """b block changes content crowd current_row dataset decided f field fields file file_id file_name filename files first_row found header j
judged key known line lines missing_order name n named number p parented place_ r ranked record repeated s
seen_before source sql t target text typed updated waiting w"""
"""Aliases, and names of columns beside the contract's, that the plan and the engines use."""
WORDS = sorted({*OF_SPARK.split(), *OF_TRINO.split(), *OF_DUCKDB, *OF_ENGINES.split()} - RESERVED - {"all", "group"})


def test_names_that_are_words_of_sql_are_names_in_both_engines(engine: Engine, tmp_path: Path) -> None:
    """`order` has its key in `all`; the rows of `select` have their parents there."""
    order = of_texts("order", "all", "group", *WORDS, rule="`end` <> `user`")
    house = House(
        engine, tmp_path, read(tmp_path, order=order, select=of_texts("select", "table", "from", parent="order.all"))
    )

    def given(text: str, minutes: int, *keys: str) -> list[object]:
        header = ("all", "group", *WORDS)
        rows = [(key, text, *(f"{word} {text}" for word in WORDS)) for key in keys]
        spoiled = ("k9", text, *("same" for _ in WORDS))
        return [rows_file("order", *rows, spoiled, header=header, minutes=minutes)]

    children = [rows_file("select", ("k1", "g"), ("k7", "g"), header=("table", "from"))]
    first = house.batch("b1", order=given("a", 1, "k1", "k2"), select=children)  # type: ignore[arg-type]
    assert first["order"].counts == {"read": 3, "inserted": 2, "rejected": 1}
    assert first["select"].counts == {"read": 2, "inserted": 1, "rejected": 1}
    later = house.load("order", "b2", *given("b", 2, "k2", "k2", "k3"))  # type: ignore[arg-type]
    assert later.counts == {"read": 4, "inserted": 1, "updated": 1, "duplicates": 1, "rejected": 1}
    assert house.values("order", "all", "group", *WORDS) == [
        (key, text, *(f"{word} {text}" for word in WORDS)) for key, text in (("k1", "a"), ("k2", "b"), ("k3", "b"))
    ]
    assert house.reasons("select") == [["table: no such order.all"]]


def test_a_rule_that_an_engine_refuses_is_found_without_a_row(embedded: Engine, tmp_path: Path) -> None:
    document = of_texts("things", "id", "shop", "price", rule="length(price) < 10")
    document["schema"][0]["properties"][2] = {"name": "price", "physicalType": "double"}
    contracts = read(tmp_path, things=document)
    with pytest.raises(
        BadConfiguration,
        match=r"things\.odcs\.yaml: quality rule a rule: DuckDB cannot run it: there is no length of double",
    ):
        try_plans(contracts.values(), [embedded], tmp_path / "plans")
    assert not (tmp_path / "plans").exists()


def test_a_calculated_column_that_an_engine_refuses_is_found_without_a_row(embedded: Engine, tmp_path: Path) -> None:
    document = of_texts("things", "id", "shop", "price")
    document["schema"][0]["properties"][2] = {"name": "price", "physicalType": "double", "required": True}
    document["schema"][0]["properties"] += [
        {"name": "digits", "logicalType": "integer", "transformLogic": "length(price)"}
    ]
    [contract] = read(tmp_path, things=document).values()
    assert embedded.plan_faults(contract) == [
        (
            "column digits: transformLogic: DuckDB cannot run it: there is no length of double (price: double). Change"
            " the expression, or the column's type."
        )
    ]


def test_a_rule_that_an_engine_does_not_know_is_found_in_either(engine: Engine, tmp_path: Path) -> None:
    """Past the reader, which lets no such rule through."""
    contract = read_contracts()["orders"]
    rule = replace(contract.rules[0], name="odd", predicate="no_function(`total_amount`) > 1")
    [fault] = engine.plan_faults(replace(contract, rules=(*contract.rules, rule)))
    assert fault.startswith("quality rule odd: ")
    assert "(total_amount: double)" in fault


def test_the_shipped_contracts_and_odd_ones_can_be_planned_in_either_engine(engine: Engine, tmp_path: Path) -> None:
    order = of_texts("order", "all", "group", *WORDS, rule="`end` <> `user`")
    odd = read(tmp_path, order=order, select=of_texts("select", "table", "from", parent="order.all"))
    for contract in (*read_contracts().values(), *odd.values()):
        assert engine.plan_faults(contract) == []


def test_a_plan_that_runs_is_tried_once_and_tried_again_when_it_is_another(
    embedded: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (
        read(tmp_path, things=of_texts("things", "id", "shop", rule=f"length(shop) > {least}")) for least in (1, 2)
    )
    assert judge_sql(one["things"]) != judge_sql(other["things"])
    opened: list[object] = []
    connect = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda **options: (opened.append(options), connect(**options))[1])
    for contracts in (one, one, other, one):
        try_plans(contracts.values(), [embedded], tmp_path / "plans")
    assert len(opened) == 2
