"""Dagster's own sensor daemon, killed (SIGKILL) between its steps, and started again: files make one batch, and no
message is left.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets_tests.sensors.support import comes_again_after_a_second, messages
from lakehouse_assets_tests.support import put_one_of_each

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("environment_of_lakehouse")]

INSTANCE = """
run_coordinator: {module: dagster._core.test_utils, class: MockedRunCoordinator}
run_launcher: {module: dagster._core.test_utils, class: MockedRunLauncher}
telemetry: {enabled: false}
"""
"""Runs are made and not executed: here the daemon is looked at. (What a run does with the files, test_landing.py
has.)
"""

TICK = """
import logging, signal, sys
from dagster import DagsterInstance
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.sensor import execute_sensor_iteration

killed_at = sys.argv[1]
flags = {"files_landed": {killed_at: signal.SIGKILL}} if killed_at else None
target = ModuleTarget("lakehouse_assets.definitions", attribute=None, working_directory=None, location_name="lakehouse_assets")
with DagsterInstance.get() as instance, create_test_daemon_workspace_context(target, instance=instance) as workspace:
    errors = list(execute_sensor_iteration(workspace, logging.getLogger(), threadpool_executor=None, submit_threadpool_executor=None, debug_crash_flags=flags))
assert not any(errors), errors
"""


def tick(home: Path, killed_at: str) -> int:
    environment = os.environ | {"DAGSTER_HOME": str(home), "LAKEHOUSE_SENSOR_SECONDS": "1"}
    return subprocess.run([sys.executable, "-c", TICK, killed_at], env=environment, check=False).returncode


@pytest.mark.parametrize(
    "killed_at", ["AUTOMATION_EVALUATIONS_ADDED", "RUN_IDS_RESERVED", "RUN_CREATED", "RUN_LAUNCHED"]
)
def test_a_killed_daemon_loses_and_doubles_nothing(lakehouse: Lakehouse, tmp_path: Path, killed_at: str) -> None:
    (tmp_path / "dagster.yaml").write_text(INSTANCE, "utf-8")
    comes_again_after_a_second(lakehouse)
    put_one_of_each(lakehouse)
    assert tick(tmp_path, killed_at) == -signal.SIGKILL
    for _ in range(3):
        time.sleep(1.2)
        assert tick(tmp_path, "") == 0
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert len({run.tags["dagster/run_key"] for run in instance.get_runs()}) == 1
        assert instance.get_runs_count() == 1
    assert messages(lakehouse) == 0
