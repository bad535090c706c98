"""A fourth dataset is one more document: returns of order items are landed, loaded, rejected from, healed, catalogued,
checked and queried by it alone.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.contracts import SHIPPED, read_contracts
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.support import (
    archived,
    checked,
    csv_text,
    file_of,
    in_own_process,
    item,
    items_csv,
    nonzero,
    order,
    orders_csv,
    outcomes,
    product,
    products_csv,
    put,
    put_one_of_each,
    ran,
    rejects,
    run,
    table_rows,
    workbook,
)

RETURNS = """
apiVersion: v3.1.0
kind: DataContract
id: ecommerce-returns
name: returns
version: 1.0.0
status: active
description: {purpose: What customers sent back., limitations: None.}
schema:
  - name: returns
    physicalName: returns
    logicalType: object
    physicalType: table
    description: The items that customers sent back.
    customProperties:
      - {property: version, value: returned_at}
    quality:
      - name: refund_is_not_absurd
        description: Nobody gets back more than 10,000.
        type: custom
        engine: lakehouse
        severity: reject
        implementation: "refund <= 10000"
    properties:
      - {name: return_id, description: Number., logicalType: integer, physicalType: int, required: true, primaryKey: true, primaryKeyPosition: 1}
      - name: item_id
        description: The item.
        logicalType: integer
        physicalType: int
        required: true
        relationships: [{type: foreignKey, to: order_items.id}]
      - {name: refund, description: Paid back., logicalType: number, physicalType: double, required: true, logicalTypeOptions: {minimum: 0}}
      - {name: reason, description: Why., logicalType: string, physicalType: string, required: false}
      - {name: returned_at, description: When., logicalType: timestamp, physicalType: timestamp, required: true}
      - {name: day, description: The day., logicalType: string, physicalType: string, required: true, partitioned: true, partitionKeyPosition: 1}
"""
COLUMNS = ("return_id", "item_id", "refund", "reason", "returned_at", "day")


def returned(number: int, item_id: int, refund: float = 5.5, reason: str = "broken") -> tuple[object, ...]:
    return number, item_id, refund, reason, "2025-04-03T10:00:00", "2025-04-03"


@pytest.fixture
def settings(lakehouse_home: Path, tmp_path: Path) -> Settings:
    contracts = tmp_path / "contracts"
    shutil.copytree(
        SHIPPED, contracts, ignore=lambda folder, names: [name for name in names if not name.endswith(".odcs.yaml")]
    )
    (contracts / "returns.odcs.yaml").write_text(RETURNS)
    return own_settings(lakehouse_home, contracts=contracts)


def test_it_comes_after_its_parents(settings: Settings) -> None:
    datasets = list(read_contracts(settings.contracts))
    assert set(datasets) == {"products", "orders", "order_items", "returns"}
    assert datasets.index("returns") > datasets.index("order_items")


def test_its_rows_are_landed_loaded_rejected_from_catalogued_checked_and_queried(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    put_one_of_each(lakehouse)
    put(
        lakehouse,
        "raw/returns/r.csv",
        csv_text(COLUMNS, [returned(1, 1), returned(2, 1, refund=99999), returned(3, 7)]),
    )
    put(lakehouse, "uploads/book.xlsx", workbook(tmp_path / "b.xlsx", {"April": [COLUMNS, returned(4, 1)]}))
    put(lakehouse, "raw/returns/unusable.csv", "1,2,3\n")

    report = ran(lakehouse, "all")

    assert outcomes(report)["book.xlsx#April"] == "loaded"
    assert file_of(report, "book.xlsx#April")["dataset"] == "returns"
    assert outcomes(report)["unusable.csv"] == "quarantined"
    assert nonzero(report["datasets"]["returns"]) == {"read": 4, "inserted": 2, "rejected": 2}
    assert table_rows(lakehouse, "returns", "return_id", "item_id", "refund", "day") == [
        (1, 1, 5.5, "2025-04-03"),
        (4, 1, 5.5, "2025-04-03"),
    ]
    told = {record["raw"]["return_id"]: record["reasons"] for record in rejects(lakehouse, "returns")}
    assert told == {"2": ["refund_is_not_absurd"], "3": ["item_id: no such order_items.id"]}
    assert "raw/returns/r.csv" in archived(lakehouse)
    assert lakehouse.athena.query("SELECT sum(refund) FROM returns").rows == [(11.0,)]
    assert lakehouse.athena.query("SELECT count(*) FROM rejected_returns").rows == [(2,)]
    found = {result.check: result.passed for result in checked(lakehouse, report["batch_id"])["returns"]}
    assert found == {
        "not_empty": True,
        "schema": True,
        "key_unique": True,
        "no_orphans": True,
        "batch_counts": True,
        "reject_rate": False,
    }


def test_an_orphan_of_it_is_healed_along_the_whole_line_of_parents(lakehouse: Lakehouse) -> None:
    """The return waits for its item, the item for its order and product: one batch brings them, all three are loaded in
    it.
    """
    put(lakehouse, "raw/returns/r.csv", csv_text(COLUMNS, [returned(1, 1)]))
    ran(lakehouse)
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1)))
    ran(lakehouse)
    assert table_rows(lakehouse, "returns") == []
    put(lakehouse, "raw/orders/o.csv", orders_csv(order(1)))
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    report = ran(lakehouse)
    assert report["healed"] == {"order_items": 1, "returns": 1}
    assert table_rows(lakehouse, "returns", "return_id", "item_id") == [(1, 1)]


def test_the_gate_asks_for_a_file_of_it_too(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    assert run(lakehouse, "all") is None
    put(lakehouse, "raw/returns/r.csv", csv_text(COLUMNS, []))
    assert run(lakehouse, "all") is not None


def test_the_dagster_job_has_its_steps_and_checks(lakehouse: Lakehouse) -> None:
    put_one_of_each(lakehouse)
    put(lakehouse, "raw/returns/r.csv", csv_text(COLUMNS, [returned(1, 1)]))
    ended = in_own_process(
        lakehouse,
        """
        import json
        from lakehouse_assets.cli.runs import run_batch
        steps = []
        report = run_batch(lakehouse, progress=lambda step, what: steps.append(step))
        print(json.dumps({"report": report, "steps": steps}))
        """,
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert "load_returns" in told["steps"]
    assert told["report"]["status"] == "succeeded"
    assert nonzero(told["report"]["datasets"]["returns"]) == {"read": 1, "inserted": 1}
