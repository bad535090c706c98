"""Whole batches through the Dagster job, Pipes, the embedded Glue, Spark, Delta Lake, the catalog and Athena: the one
test in which each of them is real.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.definitions import defs
from lakehouse_assets.jobs import LOAD_BATCH
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.conftest import own_settings
from lakehouse_assets_tests.support import (
    archived,
    environment_of,
    item,
    items_csv,
    keys,
    nonzero,
    order,
    orders_csv,
    product,
    products_csv,
    put,
    rejects,
)

pytestmark = [pytest.mark.long, pytest.mark.spark]


@pytest.fixture
def settings(lakehouse_home: Path) -> Settings:
    return own_settings(lakehouse_home, engine="glue", glue_job="{job}-" + uuid4().hex[:12])


@pytest.fixture
def instance(lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The process's environment names the lakehouse, as Dagster's resource reads it."""
    of_glue = {"LAKEHOUSE_ENGINE": "glue", "LAKEHOUSE_GLUE_JOB": lakehouse.settings.glue_job}
    for name, value in (environment_of(lakehouse) | of_glue).items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run_job(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    job = defs.resolve_job_def(LOAD_BATCH)
    return job.execute_in_process(
        instance=instance, raise_on_error=False, run_config={"ops": {"landing__batch": {"config": {"gate": "any"}}}}
    )


def metadata(result: dg.ExecuteInProcessResult, *key: str) -> dict[str, Any]:
    [event] = [event for event in result.get_asset_materialization_events() if event.asset_key == dg.AssetKey(key)]
    return {
        name: value.value
        for name, value in event.materialization.metadata.items()
        if not isinstance(value, dg.TableMetadataValue)
    }


def counts(told: dict[str, Any]) -> dict[str, int]:
    return nonzero({name: told[name] for name in ("read", "retried", "inserted", "updated", "rejected", "healed")})


def test_two_batches_with_rejects_and_late_parents(lakehouse: Lakehouse, instance: dg.DagsterInstance) -> None:
    put(lakehouse, "raw/orders/o +1.csv", orders_csv(order(1), order("x")))
    put(lakehouse, "raw/order_items/i.csv", items_csv(item(1, 1, 1), item(2, 1, 2)))

    first = run_job(instance)

    assert first.success
    orders, items = metadata(first, "lakehouse", "orders"), metadata(first, "lakehouse", "order_items")
    assert counts(orders) == {"read": 2, "inserted": 1, "rejected": 1}
    assert counts(items) == {"read": 2, "rejected": 2}
    rows = [
        (orders, 1),
        (metadata(first, "rejected", "rejected_orders"), 1),
        (items, 0),
        (metadata(first, "rejected", "rejected_order_items"), 2),
    ]
    assert [told["dagster/row_count"] for told, _ in rows] == [expected for _, expected in rows]
    assert orders["glue_state"] == "SUCCEEDED"
    assert f"batch {orders['batch_id']} has 1 files" in Path(orders["glue_run"]).read_text()
    assert [record["raw"]["order_id"] for record in rejects(lakehouse, "orders")] == ["x"]
    assert [record["waiting"] for record in rejects(lakehouse, "order_items")] == [True, True]

    put(lakehouse, "raw/products/late.csv", products_csv(product(1), product(3)))

    second = run_job(instance)

    assert second.success
    assert counts(metadata(second, "lakehouse", "products")) == {"read": 2, "inserted": 2}
    assert counts(metadata(second, "lakehouse", "order_items")) == {"retried": 1, "inserted": 1, "healed": 1}
    healed_by = {record["raw"]["id"]: record["healed_by"] for record in rejects(lakehouse, "order_items")}
    assert healed_by == {"1": metadata(second, "landing", "batch")["batch_id"], "2": None}
    sql = (
        "SELECT id, order_id, product_name FROM order_items i JOIN orders o USING (order_id) JOIN products p USING"
        " (product_id)"
    )
    assert lakehouse.athena.query(sql).rows == [(1, 1, "Atlas")]
    assert [evaluation for evaluation in second.get_asset_check_evaluations() if not evaluation.passed] == []
    assert sorted(archived(lakehouse)) == ["raw/order_items/i.csv", "raw/orders/o +1.csv", "raw/products/late.csv"]
    assert keys(lakehouse, "control/pipes/") == []
