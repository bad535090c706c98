"""Batches of contracts at the edge of what is taken: names that are words of SQL, the longest names and values, a rule
that no engine takes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.local.bootstrap import bootstrap
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.contracts.support import written
from lakehouse_assets_tests.etl.kinds import of_texts
from lakehouse_assets_tests.support import checked, csv_text, keys, nonzero, put, ran, rejects, run, table_rows


def house(aws: EmbeddedAws, home: Path, contracts: Path, **settings: object) -> Lakehouse:
    found = Lakehouse(own_settings(home, contracts=contracts, **settings), Aws(aws.environment()))
    bootstrap(found.settings, found.aws)
    return found


def test_names_that_are_words_of_sql_are_loaded_updated_catalogued_checked_and_asked(
    lakehouse_home: Path, lakehouse_aws: EmbeddedAws, tmp_path: Path
) -> None:
    order, select = (
        of_texts("order", "all", "group", "end", "user"),
        of_texts("select", "table", "from", "null", parent="order.all"),
    )
    lakehouse = house(lakehouse_aws, lakehouse_home, written(tmp_path, order=order, select=select))
    put(
        lakehouse,
        "raw/order/a.csv",
        csv_text(("all", "group", "end", "user"), [("k1", "g", "x", "y"), ("k2", "g", "x", "y")]),
    )
    put(lakehouse, "raw/select/a.csv", csv_text(("table", "from", "null"), [("k1", "f", "n"), ("k3", "f", "n")]))
    ran(lakehouse)
    put(lakehouse, "raw/order/b.csv", csv_text(("all", "group", "end", "user"), [("k2", "h", "x", "z")]))
    report = ran(lakehouse)
    assert nonzero(report["datasets"]["order"]) == {"read": 1, "updated": 1}
    assert all(result.passed for results in checked(lakehouse, report["batch_id"]).values() for result in results)
    assert lakehouse.athena.query('SELECT "all", "group", "user" FROM "order" ORDER BY "all"').rows == [
        ("k1", "g", "y"),
        ("k2", "h", "z"),
    ]


def test_one_cell_that_is_too_long_for_s3_stops_neither_its_file_nor_the_next(
    lakehouse_home: Path, lakehouse_aws: EmbeddedAws, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With names and a prefix of the greatest length the longest value, written by the most bytes, is still part of a
    key that S3 takes.
    """
    dataset, column = "d" * 63, "c" * 63
    contracts = written(tmp_path, stock=of_texts(dataset, "sku", column))
    lakehouse = house(lakehouse_aws, lakehouse_home, contracts, tables_prefix="p" * 199 + "/")
    longest = "%" * 200
    put(
        lakehouse,
        f"raw/{dataset}/bad.csv",
        csv_text(("sku", column), [("S1", longest), ("S2", "a"), ("S3", "description " * 100)]),
    )
    assert nonzero(ran(lakehouse)["datasets"][dataset]) == {"read": 3, "inserted": 2, "rejected": 1}
    put(lakehouse, f"raw/{dataset}/next.csv", csv_text(("sku", column), [("S4", "b")]))
    assert nonzero(ran(lakehouse)["datasets"][dataset]) == {"read": 1, "inserted": 1}
    assert table_rows(lakehouse, dataset, "sku", column) == [("S1", longest), ("S2", "a"), ("S4", "b")]
    [record] = rejects(lakehouse, dataset)
    assert record["reasons"] == [f"{column}: too long for a partition value (at most 200 bytes)"]
    assert max(len(key.encode()) for key in keys(lakehouse, "p")) <= 1024
    assert "panicked" not in capfd.readouterr().err


def test_a_batch_is_not_frozen_that_no_engine_could_load(
    lakehouse_home: Path, lakehouse_aws: EmbeddedAws, tmp_path: Path
) -> None:
    """The files wait until the contract is mended, and no batch is stuck."""
    document = of_texts("things", "id", "shop", "price", rule="length(price) < 10")
    document["schema"][0]["properties"][2] = {"name": "price", "physicalType": "double"}
    lakehouse = house(lakehouse_aws, lakehouse_home, written(tmp_path, things=document))
    put(lakehouse, "raw/things/a.csv", csv_text(("id", "shop", "price"), [("1", "a", "9.5")]))
    with pytest.raises(BadConfiguration, match="quality rule a rule: DuckDB cannot run it"):
        run(lakehouse)
    assert keys(lakehouse, "control/manifests/") == []
    document["schema"][0]["quality"][0]["implementation"] = "price < 10"
    mended = Lakehouse(
        lakehouse.settings.model_copy(update={"contracts": written(tmp_path, things=document)}), lakehouse.aws
    )
    assert nonzero(ran(mended)["datasets"]["things"]) == {"read": 1, "inserted": 1}
