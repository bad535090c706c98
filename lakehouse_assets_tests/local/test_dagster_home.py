"""Dagster accepts the dagster.yaml that is written, and takes from it what makes a batch start soon."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster._core.run_coordinator import QueuedRunCoordinator

from lakehouse_assets.local.dagster_home import dagster_home
from lakehouse_assets.settings import Settings


def test_the_queue_is_looked_at_each_second_and_sensors_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with dg.DagsterInstance.from_config(str(dagster_home(tmp_path))) as instance:
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
        assert instance.run_coordinator.dequeue_interval_seconds == 1
        assert instance.get_sensor_settings() == {"use_threads": True, "num_workers": 3}


def test_a_dagster_yaml_that_a_person_changed_is_left_as_it_is(tmp_path: Path) -> None:
    file = dagster_home(tmp_path) / "dagster.yaml"
    file.write_text("telemetry: {enabled: false}\n", "utf-8")
    dagster_home(tmp_path)
    assert file.read_text("utf-8") == "telemetry: {enabled: false}\n"


def test_by_default_the_sensor_ticks_whenever_the_daemon_looks() -> None:
    assert Settings.model_fields["sensor_seconds"].default == 5
