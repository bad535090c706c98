"""What the launcher of a server says of a run. That dead runs are noticed, `test_server.py` shows with processes."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import GetCurrentRunsResult
from dagster._serdes import serialize_value

from lakehouse_assets.server.launcher import MonitoredRunLauncher


def at_a_port() -> dict[str, object]:
    """Where a code server may listen again."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return {"host": "127.0.0.1", "port": free.getsockname()[1]}


def launched(instance: dg.DagsterInstance, address: dict[str, object]) -> dg.DagsterRun:
    """A run of a code server that does not listen now."""
    return instance.run_storage.add_run(
        dg.DagsterRun(
            job_name="load_batch", status=dg.DagsterRunStatus.STARTED, tags={GRPC_INFO_TAG: json.dumps(address)}
        )
    )


@pytest.fixture
def launcher(instance: dg.DagsterInstance) -> MonitoredRunLauncher:
    made = MonitoredRunLauncher()
    made.register_instance(instance)
    return made


def test_a_run_is_not_given_up_while_its_code_server_starts_again(
    launcher: MonitoredRunLauncher, instance: dg.DagsterInstance
) -> None:
    assert launcher.check_run_worker_health(launched(instance, at_a_port())).status == WorkerStatus.RUNNING


def test_a_run_is_dead_if_the_socket_of_its_code_server_is(
    launcher: MonitoredRunLauncher, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """As after a power cut: `lakehouse up` starts another code server at another socket."""
    run = launched(instance, {"host": "localhost", "socket": str(tmp_path / "gone")})
    assert launcher.check_run_worker_health(run).status == WorkerStatus.FAILED


@pytest.mark.parametrize("others", [[], ["another"]])
def test_a_run_that_its_code_server_does_not_have_is_dead(
    launcher: MonitoredRunLauncher,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    others: list[str],
) -> None:
    run = launched(instance, at_a_port())
    for current, status in ((others, WorkerStatus.FAILED), ([*others, run.run_id], WorkerStatus.RUNNING)):
        answer = serialize_value(GetCurrentRunsResult(current_runs=current, serializable_error_info=None))
        monkeypatch.setattr(DagsterGrpcClient, "get_current_runs", lambda _, answer=answer: answer)
        assert launcher.check_run_worker_health(run).status == status
