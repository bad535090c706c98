"""What the state machine did is there in Dagster's asset graph, each batch once, whatever the sensor's cursor says."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from lakehouse_assets.assets.keys import REPORT
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.definitions import defs
from lakehouse_assets.sensors.state_machine_batches import Cursor, record, state_machine_sensor
from lakehouse_assets_tests.support import (
    freeze,
    load_all,
    order,
    orders_csv,
    product,
    products_csv,
    put,
    put_one_of_each,
    ran,
)

EXECUTION = "arn:aws:states:us-east-1:000000000000:execution:machine:one"


def by_machine(lakehouse: Lakehouse, *, succeeds: bool = True) -> str:
    """A batch as the state machine's steps run it, of what waits."""
    house = Lakehouse(lakehouse.settings, lakehouse.aws, execution=EXECUTION)
    batch = freeze(house)
    load_all(batch)
    if succeeds:
        batch.archive()
        batch.finish()
    else:
        batch.record_failure("it failed")
    return batch.id


def recorded(instance: dg.DagsterInstance, *key: str) -> list[dict[str, Any]]:
    """The metadata of an asset's materializations, the latest first."""
    records = instance.fetch_materializations(dg.AssetKey(key), limit=100).records
    return [
        {name: value.value for name, value in found.asset_materialization.metadata.items()}
        for found in records
        if found.asset_materialization
    ]


def test_a_batch_is_recorded_for_each_asset_with_its_counts_and_its_execution(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    put_one_of_each(lakehouse)
    put(lakehouse, "raw/orders/dirt.csv", orders_csv(order("x")))
    batch = by_machine(lakehouse)

    _, told = record(instance, lakehouse, Cursor())

    assert told == [batch]
    [orders] = recorded(instance, "lakehouse", "orders")
    assert (orders["batch_id"], orders["read"], orders["inserted"], orders["execution"]) == (batch, 2, 1, EXECUTION)
    assert orders["link"].endswith(EXECUTION)
    assert recorded(instance, "rejected", "rejected_orders")[0]["rejected"] == 1
    assert recorded(instance, *REPORT.path)[0]["status"] == "succeeded_with_rejects"
    materialized = {key for key in instance.all_asset_keys() if instance.get_latest_materialization_event(key)}
    assert materialized == {spec.key for spec in defs.resolve_all_asset_specs()} - {dg.AssetKey(["landing", "uploads"])}


def test_each_batch_is_recorded_once_whatever_the_cursor_says(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    first = by_machine(lakehouse)
    cursor, _ = record(instance, lakehouse, Cursor())
    assert record(instance, lakehouse, cursor) == (cursor, [])
    put(lakehouse, "raw/products/p.csv", products_csv(product(2)))
    second = by_machine(lakehouse)
    # As if it had been killed before the cursor was saved.
    assert record(instance, lakehouse, Cursor())[1] == [second]
    assert [told["batch_id"] for told in recorded(instance, *REPORT.path)] == [second, first]


def test_a_batch_that_failed_is_recorded_when_it_has_succeeded(
    lakehouse: Lakehouse, instance: dg.DagsterInstance
) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    batch = by_machine(lakehouse, succeeds=False)
    cursor, told = record(instance, lakehouse, Cursor())
    assert told == []
    assert by_machine(lakehouse) == batch
    assert record(instance, lakehouse, cursor)[1] == [batch]


def test_what_dagster_ran_itself_is_not_recorded_again(lakehouse: Lakehouse, instance: dg.DagsterInstance) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    ran(lakehouse)
    assert record(instance, lakehouse, Cursor())[1] == []


@pytest.mark.usefixtures("environment_of_lakehouse")
def test_a_tick_keeps_its_cursor(lakehouse: Lakehouse, instance: dg.DagsterInstance) -> None:
    put(lakehouse, "raw/products/p.csv", products_csv(product(1)))
    batch, sensor = by_machine(lakehouse), state_machine_sensor(lakehouse.settings)
    with dg.build_sensor_context(instance=instance) as context:
        assert batch in str(sensor(context))
        assert "not finished another batch" in str(sensor(context))
