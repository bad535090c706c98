"""Datasets with keys and parents of several columns, from their files to the checks, the audit and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from deltalake import DeltaTable

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.catalog.audit import RESOLVED, WAITING, Audit
from lakehouse_assets.catalog.checks import KEY_UNIQUE, NO_ORPHANS
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.cli.commands.calls import lakehouse_command
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.etl.keyed import FOLDER
from lakehouse_assets_tests.etl.keyed.files import details, items, picks, refunds
from lakehouse_assets_tests.etl.support import Given
from lakehouse_assets_tests.support import (
    append_behind_its_back,
    checked,
    next_second,
    nonzero,
    put,
    ran,
    rejects,
    table_rows,
)

NO_DETAIL = "order_id, product_id: no such order_details (order_id, product_id)"


@pytest.fixture
def settings(lakehouse_home: Path) -> Settings:
    return own_settings(lakehouse_home, contracts=FOLDER, reject_limit=1)


def put_files(lakehouse: Lakehouse, **files: list[Given]) -> None:
    for dataset, given in files.items():
        for file in given:
            put(lakehouse, f"raw/{dataset}/{file.name}", file.text)


def load_first(lakehouse: Lakehouse) -> str:
    """A row of the details is rejected, and the pick of it waits."""
    put_files(
        lakehouse,
        order_details=details({}, {"product_id": "42", "quantity": "0"}, {"order_id": "10249"}),
        picks=picks({}, {"shelf": "B"}, {"product_id": "42"}),
        items=items({}, {"order_item_id": "2"}),
        refunds=refunds({}, {"refund_id": "2", "order_item_id": ""}),
    )
    return str(ran(lakehouse)["batch_id"])


def load_second(lakehouse: Lakehouse) -> str:
    """The corrected row of the details; the pick gets its parent."""
    next_second()
    put_files(lakehouse, order_details=details({"product_id": "42"}, minutes=1))
    report = ran(lakehouse)
    assert nonzero(report["datasets"]["order_details"]) == {"read": 1, "inserted": 1}
    assert report["healed"] == {"picks": 1}
    return str(report["batch_id"])


def failed(lakehouse: Lakehouse, batch_id: str) -> dict[tuple[str, str], str]:
    """The messages of the checks of keys and parents that did not pass."""
    return {
        (dataset, result.check): result.message
        for dataset, results in checked(lakehouse, batch_id).items()
        for result in results
        if not result.passed and result.check in (KEY_UNIQUE, NO_ORPHANS)
    }


def audited(lakehouse: Lakehouse) -> dict[tuple[str, str], dict[str, int]]:
    """The numbers of the audit's checks that did not pass."""
    audit = Audit(lakehouse.contracts, lakehouse.zone, lakehouse.tables, lakehouse.settings.memory_mb)
    return {
        (dataset, result.check): result.numbers
        for dataset, results in audit.results().items()
        for result in results
        if not result.passed
    }


def test_checks_find_a_key_that_is_there_twice_and_rows_whose_parent_is_not_there(lakehouse: Lakehouse) -> None:
    load_first(lakehouse)
    batch_id = load_second(lakehouse)
    assert failed(lakehouse, batch_id) == {}
    assert lakehouse.athena.query("SELECT order_id, product_id, shelf FROM picks ORDER BY 2, 3").rows == [
        (10248, 11, "A-1"),
        (10248, 11, "B"),
        (10248, 42, "A-1"),
    ]
    # The order and the product of one of these picks are in the details, but not in one row.
    append_behind_its_back(lakehouse, "picks", order_id="CAST(10249 AS INT)")
    append_behind_its_back(
        lakehouse, "refunds", order_item_id="CAST(3 AS INT)", refund_id="CAST(refund_id + 10 AS INT)"
    )
    assert failed(lakehouse, batch_id) == {
        ("picks", NO_ORPHANS): "1 rows without a parent",
        ("refunds", NO_ORPHANS): "2 rows without a parent",
    }
    append_behind_its_back(lakehouse, "order_details", product_id="CAST(product_id + 31 AS INT)")
    assert failed(lakehouse, batch_id) == {
        ("order_details", KEY_UNIQUE): "6 rows, 5 distinct values of order_id and product_id",
        ("refunds", NO_ORPHANS): "2 rows without a parent",
    }


def test_the_audit_looks_up_whole_keys(lakehouse: Lakehouse) -> None:
    load_first(lakehouse)
    load_second(lakehouse)
    assert audited(lakehouse) == {}
    table = DeltaTable(lakehouse.tables.table("order_details"), storage_options=lakehouse.tables.storage_options)
    table.delete("order_id = 10248 AND product_id = 42")
    assert audited(lakehouse)["order_details", RESOLVED] == {"resolved": 1, "absent": 1}


def test_the_audit_finds_a_record_that_waits_for_a_parent_that_is_there(lakehouse: Lakehouse) -> None:
    load_first(lakehouse)
    append_behind_its_back(lakehouse, "order_details", product_id="CAST(product_id + 31 AS INT)")
    assert audited(lakehouse)["picks", WAITING] == {"waiting": 1, "ready": 1}


@pytest.mark.usefixtures("environment_of_lakehouse")
def test_the_command_line_names_all_columns_of_a_key(lakehouse: Lakehouse) -> None:
    load_first(lakehouse)
    text = lakehouse_command("explain", "picks").stdout
    assert "key, 1 of 3; -> order_details (order_id, product_id)" in text
    assert f"order_id and product_id are together in no row of order_details (reason: {NO_DETAIL})" in text
    assert "If several rows have the same order_id and product_id and shelf" in text
    found = lakehouse_command("rejects", "--key", "10248, 42, A-1", "--format", "json")
    assert found.exit_code == 0, found.output
    assert NO_DETAIL in found.stdout
    assert "quantity" not in found.stdout
    [record] = rejects(lakehouse, "picks")
    assert record["waiting"]
    assert table_rows(lakehouse, "refunds", "refund_id", "order_item_id") == [(1, 1), (2, None)]
