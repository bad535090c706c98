"""A text as a partition's value is part of the names of S3's objects: each comes back as it was, or its row is set
aside with the reason.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.contracts import Contracts
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.etl.engines.base import Engine
from lakehouse_assets_tests.contracts.support import read
from lakehouse_assets_tests.etl.kinds import of_texts
from lakehouse_assets_tests.etl.support import Given, House, rows_file

HEADER = ("sku", "shop", "price")
KEPT = [
    *("São Paulo", "東京 🎈", "é", "e\u0301", "DE", "de", "\u0085\u2028", "\u00a0", "\ufeffmark"),
    *(
        "a/b",
        "/lead",
        "trail/",
        "a%2Fb",
        "a%20b",
        "a%b",
        "100%",
        "a b",
        " leading",
        "trailing ",
        "a+b",
        "a=b",
        "x:y",
        "R&D",
        "#1",
        "what?",
    ),
    *(
        "NULL",
        "null",
        "None",
        ".",
        "..",
        "...",
        "_delta_log",
        "-",
        "product 1 (beta)",
        "O'Brien",
        'quo"te',
        "back\\slash",
        "{a}|<b>~",
        "[x]",
        "*",
        "^`",
    ),
    *("tab\there", "two\nlines", "a\rb", "\x01\x1b\x7f", "x" * 200, "é" * 35),
]
SET_ASIDE = {
    "x" * 201: "shop: too long for a partition value (at most 200 bytes)",
    "é" * 101: "shop: too long for a partition value (at most 200 bytes)",
    "a description that slid into the column " * 30: "shop: too long for a partition value (at most 200 bytes)",
    "a\x00b": "shop: NUL character in a partition value",
    "__HIVE_DEFAULT_PARTITION__": "shop: __HIVE_DEFAULT_PARTITION__ is not a partition value",
    "": "shop: required",
    "  ": "shop: required",
}


@pytest.fixture
def contracts(tmp_path: Path) -> Contracts:
    return read(tmp_path, stock=of_texts("stock", *HEADER))


def stock(shops: list[str], minutes: int) -> Given:
    """A row for each shop; its key is its number."""
    return rows_file(
        "stock",
        *((f"S{number:03}", shop, str(minutes)) for number, shop in enumerate(shops)),
        header=HEADER,
        minutes=minutes,
    )


def test_a_text_that_no_partition_can_hold_is_set_aside_with_the_reason(
    engine: Engine, tmp_path: Path, contracts: Contracts
) -> None:
    house = House(engine, tmp_path, contracts)
    loaded = house.load("stock", "b1", stock([*SET_ASIDE, "good"], 1))
    assert loaded.counts == {"read": len(SET_ASIDE) + 1, "inserted": 1, "rejected": len(SET_ASIDE)}
    assert {record["raw"]["shop"]: record["reasons"] for record in house.rejects("stock")} == {
        text: [reason] for text, reason in SET_ASIDE.items()
    }
    assert house.values("stock", "shop") == [("good",)]


@pytest.mark.spark
def test_any_other_text_stays_as_it_is_whichever_engine_writes_it_anew_or_moves_it(
    embedded: Engine, spark: Engine, tmp_path: Path, contracts: Contracts
) -> None:
    house = House(embedded, tmp_path, contracts)
    moved = KEPT[1:] + KEPT[:1]
    steps = (
        (embedded, KEPT, "inserted"),
        (spark, KEPT, "updated"),
        (embedded, moved, "updated"),
        (spark, KEPT, "updated"),
    )
    for minutes, (engine, shops, done) in enumerate(steps):
        house.engine = engine
        assert house.load("stock", f"b{minutes}", stock(shops, minutes)).counts == {"read": len(KEPT), done: len(KEPT)}
        assert house.values("stock", *HEADER) == [
            (f"S{number:03}", shop, str(minutes)) for number, shop in enumerate(shops)
        ]
    assert house.load("stock", "again", stock(KEPT, 9)).counts == {"read": len(KEPT), "updated": len(KEPT)}


def test_files_that_spark_wrote_under_letters_beyond_ascii_are_not_replaced_by_the_embedded_engine(
    embedded: Engine, tmp_path: Path, contracts: Contracts
) -> None:
    """delta-rs removes them under another path, so that the old rows would stay. (A table has had such files only from
    before `NEUTRAL_PATHS`.)
    """
    house = House(embedded, tmp_path, contracts)
    house.load("stock", "b0", stock(["é"], 0))
    [log] = [
        path for path in (tmp_path / "tables" / "stock" / "_delta_log").glob("*.json") if "shop=" in path.read_text()
    ]
    [folder] = (tmp_path / "tables" / "stock").glob("shop=*")
    folder.rename(folder.with_name("shop=é"))
    log.write_text(log.read_text().replace("shop=%25C3%25A9/", "shop=é/"))
    assert house.load("stock", "b1", stock(["é"], 0)).counts == {"read": 1, "unchanged": 1}
    with pytest.raises(BadConfiguration, match="Load this batch with --engine spark"):
        house.load("stock", "b2", stock(["e"], 1))
    assert house.values("stock", *HEADER) == [("S000", "é", "0")]
