"""The entry point of a container on ECS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._serdes import serialize_value

from lakehouse_assets.server import ecs
from lakehouse_assets_tests.server.postgres import missing, postgres

PARTS = """
from dagster import DagsterInstance

with DagsterInstance.get() as instance:
    for part in (instance.run_storage, instance.compute_log_manager, instance.run_launcher):
        print(type(part).__name__)
"""


def environment(**more: str) -> dict[str, str]:
    own = {"LAKEHOUSE_AWS": "account", "LAKEHOUSE_BUCKET": "ours", "LAKEHOUSE_GATE": "any"}
    return {
        "LAKEHOUSE_ENVIRONMENT": json.dumps(own),
        "DAGSTER_POSTGRES_HOST": "db.example.org:5432",
        "DAGSTER_POSTGRES_PASSWORD": "p@ss/word",
        "DAGSTER_COMPUTE_LOGS": "control/dagster/compute-logs",
        **more,
    }


def test_the_settings_and_the_databases_url_are_in_the_environment(tmp_path: Path) -> None:
    variables = environment()
    ecs.prepare(variables, tmp_path)
    assert variables["LAKEHOUSE_GATE"] == "any"
    assert variables["DAGSTER_POSTGRES_URL"] == (
        "postgresql+psycopg2://dagster:p%40ss%2Fword@db.example.org:5432/dagster?sslmode=require"
    )
    assert (variables["LAKEHOUSE_HOME"], variables["DAGSTER_HOME"]) == (str(tmp_path), str(tmp_path / "dagster"))
    assert "p@ss" not in (tmp_path / "dagster" / "dagster.yaml").read_text("utf-8")


def test_the_instance_is_a_servers_with_logs_in_the_bucket_and_runs_as_tasks(tmp_path: Path) -> None:
    server = yaml.safe_load((ecs.SERVER / "dagster.yaml").read_text("utf-8"))
    one, many = ecs.instance({}), ecs.instance({ecs.RUN_TASK: "arn"})
    assert one == {**server, "compute_logs": one["compute_logs"]}
    assert one["compute_logs"]["config"]["bucket"] == {"env": "LAKEHOUSE_BUCKET"}
    assert many["run_launcher"]["class"] == "EcsRunLauncher"
    assert many["run_monitoring"] == {**server["run_monitoring"], "start_timeout_seconds": 600}
    assert {name: value for name, value in many.items() if name not in ("run_launcher", "run_monitoring")} == {
        name: value for name, value in one.items() if name not in ("run_launcher", "run_monitoring")
    }


def test_what_the_launcher_tells_a_run_fits_into_ecs_and_has_no_password(tmp_path: Path) -> None:
    """ECS accepts 8,192 characters of overrides; the instance is the largest part."""
    variables = environment(**{ecs.RUN_TASK: f"arn:aws:ecs:us-east-1:111122223333:task-definition/{'x' * 255}:1"})
    ecs.prepare(variables, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        told = json.dumps(serialize_value(InstanceRef.from_dir(variables["DAGSTER_HOME"])))
    assert "PostgresRunStorage" in told
    assert len(told) < 6000
    assert variables["DAGSTER_POSTGRES_PASSWORD"] not in told
    assert "p%40ss" not in told


def test_a_missing_variable_or_command_ends_the_container(tmp_path: Path) -> None:
    variables = {**os.environ, **environment(LAKEHOUSE_ECS_HOME=str(tmp_path))}
    command = [sys.executable, "-m", "lakehouse_assets.server.ecs", "no-such-command"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no-such-command" in done.stderr
    del variables["DAGSTER_POSTGRES_PASSWORD"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "DAGSTER_POSTGRES_PASSWORD" in done.stderr


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_dagster_reads_the_instance_and_makes_its_tables(tmp_path: Path) -> None:
    with postgres() as server:
        variables = {
            **os.environ,
            **environment(
                LAKEHOUSE_ECS_HOME=str(tmp_path),
                DAGSTER_POSTGRES_HOST=f"127.0.0.1:{server.port}",
                DAGSTER_POSTGRES_SSL="prefer",
                AWS_DEFAULT_REGION="us-east-1",
            ),
        }
        command = [sys.executable, "-m", "lakehouse_assets.server.ecs", sys.executable, "-c", PARTS]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["PostgresRunStorage", "S3ComputeLogManager", "MonitoredRunLauncher"]
        assert server.ask("SELECT count(*) FROM runs") == "0"
