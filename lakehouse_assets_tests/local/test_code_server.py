"""The code server of `lakehouse up` forks its runs. (`cli/commands/test_up.py` loads files with it.)"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._grpc import server
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CancelExecutionRequest, ExecuteExternalJobArgs, StartRunResult
from dagster._serdes import deserialize_value

from lakehouse_assets.local import code_server
from lakehouse_assets.local.dagster_home import dagster_home
from lakehouse_assets_tests.cli.conftest import clean_environment

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="runs are forked on Linux only")
JOB = """
import os, time
from pathlib import Path

import dagster as dg

FOLDER = Path(__file__).parent
READ = (FOLDER / "setting").read_text()

@dg.op
def wait():
    (FOLDER / "writing").write_text(f"{os.getpid()} {READ}")
    (FOLDER / "writing").rename(FOLDER / "begun")
    while not (FOLDER / "go_on").exists():
        time.sleep(0.05)

@dg.job
def waits():
    wait()

defs = dg.Definitions(jobs=[waits], executor=dg.in_process_executor)
"""
"""A run that waits for a file. Its definitions depend on another file, as ours depend on the contracts."""


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)


def parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])


def is_fork_server(process: int) -> bool:
    return b"multiprocessing.forkserver" in Path(f"/proc/{process}/cmdline").read_bytes()


def group_members(group: int) -> list[int]:
    """The living processes of a process group."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, its_group = (folder / "stat").read_text().rsplit(")", 1)[1].split()[:3]
        except OSError:  # it has ended meanwhile
            continue
        if int(its_group) == group and state != "Z":
            found.append(int(folder.name))
    return found


class CodeServer:
    """A code server of the job above, in a process group of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder = folder
        (folder / "job.py").write_text(JOB)
        (folder / "setting").write_text("first")
        self.instance = dg.DagsterInstance.from_config(str(dagster_home(folder)))
        socket = str(folder / "socket")
        origin = GrpcServerCodeLocationOrigin(host="localhost", socket=socket, location_name="test")
        self._job = RemoteJobOrigin(RemoteRepositoryOrigin(origin, "__repository__"), "waits")
        self._client = DagsterGrpcClient(socket=socket)
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", code_server.__name__, "api", "grpc", "--socket", socket, "-f", "job.py"],
                cwd=folder,
                env=clean_environment()
                | {"DAGSTER_HOME": str(dagster_home(folder)), "LAKEHOUSE_HOME": str(folder)}
                | settings,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(lambda: (folder / "socket").exists() or self.process.poll() is not None, "the code server listens")

    def log(self) -> str:
        return (self._folder / "log").read_text("utf-8", "replace")

    def start(self, setting: str = "first") -> tuple[str, int]:
        """Starts a run, and waits until it waits. Returns its id and that of its process."""
        for name in ("begun", "go_on"):
            (self._folder / name).unlink(missing_ok=True)
        (self._folder / "setting").write_text(setting)
        run = self.instance.run_storage.add_run(dg.DagsterRun("waits", remote_job_origin=self._job))
        arguments = ExecuteExternalJobArgs(
            job_origin=self._job, run_id=run.run_id, instance_ref=self.instance.get_ref()
        )
        result = deserialize_value(self._client.start_run(arguments), StartRunResult)
        assert result.success, (result, self.log())
        until((self._folder / "begun").exists, "the run has begun")
        process, read = (self._folder / "begun").read_text().split()
        assert read == setting
        return run.run_id, int(process)

    def go_on(self) -> None:
        """Lets the run that waits succeed."""
        (self._folder / "go_on").touch()

    def cancel(self, run: str) -> None:
        """As the run launcher does for the user interface."""
        self.instance.report_run_canceling(self.instance.get_run_by_id(run))  # type: ignore[arg-type]
        self._client.cancel_execution(CancelExecutionRequest(run_id=run))

    def await_status(self, run: str, status: dg.DagsterRunStatus) -> None:
        until(lambda: self.instance.get_run_record_by_id(run).dagster_run.status == status, f"{run} {status}")  # type: ignore[union-attr]

    def await_end(self) -> None:
        """Waits until no process of the group lives."""
        until(lambda: not group_members(self.process.pid), "all processes have ended")


@pytest.fixture
def started(tmp_path: Path, interrupts_heeded: None) -> Iterator[CodeServer]:
    """Dagster treats SIGTERM as SIGINT, which it would ignore in a shell's background."""
    del interrupts_heeded
    made = CodeServer(tmp_path)
    yield made
    if group_members(made.process.pid):
        os.killpg(made.process.pid, signal.SIGKILL)
    made.process.wait()
    made.instance.dispose()


@linux
def test_a_run_is_forked_from_a_process_without_threads_and_reads_the_definitions_itself(started: CodeServer) -> None:
    """A lock that another thread holds at the fork would be held for ever in the run."""
    for setting in ("second", "third"):
        run, process = started.start(setting)
        assert is_fork_server(parent(process))
        assert len(list(Path(f"/proc/{parent(process)}/task").iterdir())) == 1
        started.go_on()
        started.await_status(run, dg.DagsterRunStatus.SUCCESS)


@linux
def test_a_run_that_is_killed_has_failed_and_the_next_one_starts(started: CodeServer) -> None:
    run, process = started.start()
    os.kill(process, signal.SIGKILL)
    started.await_status(run, dg.DagsterRunStatus.FAILURE)
    run, _ = started.start()
    started.cancel(run)
    started.await_status(run, dg.DagsterRunStatus.CANCELED)


@linux
def test_a_run_does_not_outlive_the_process_that_it_was_forked_from(started: CodeServer) -> None:
    """The code server cannot see the run any more, and says that it has failed."""
    run, process = started.start()
    os.kill(parent(process), signal.SIGKILL)
    until(lambda: process not in group_members(started.process.pid), "the run has ended")
    started.await_status(run, dg.DagsterRunStatus.FAILURE)
    run, process = started.start()
    assert is_fork_server(parent(process))
    started.go_on()
    started.await_status(run, dg.DagsterRunStatus.SUCCESS)


@linux
def test_no_process_outlives_a_code_server_that_is_killed(started: CodeServer) -> None:
    """Dagster's monitoring would start the run again beside this one."""
    run, _ = started.start()
    os.kill(started.process.pid, signal.SIGKILL)
    started.process.wait()
    started.await_end()
    started.await_status(run, dg.DagsterRunStatus.FAILURE)


@linux
def test_sigterm_to_the_group_lets_a_run_report_its_end(started: CodeServer) -> None:
    run, process = started.start()
    os.killpg(started.process.pid, signal.SIGTERM)
    started.process.wait(timeout=60)
    started.await_end()
    started.await_status(run, dg.DagsterRunStatus.FAILURE)
    messages = [entry.message for entry in started.instance.all_logs(run)]
    assert f"Process for run exited (pid: {process})." in messages
    assert not [message for message in messages if "Run execution process" in message], "nobody took it for dead"


@linux
def test_a_folder_for_temporary_files_with_a_long_name_makes_runs_slower_only(tmp_path: Path) -> None:
    """The name of a socket has 107 bytes at most."""
    long = tmp_path / ("n" * 100)
    long.mkdir()
    made = CodeServer(tmp_path, TMPDIR=str(long))
    try:
        run, process = made.start()
        assert parent(process) == made.process.pid
        made.go_on()
        made.await_status(run, dg.DagsterRunStatus.SUCCESS)
        assert "a second longer" in made.log()
    finally:
        os.killpg(made.process.pid, signal.SIGKILL)
        made.process.wait()
        made.instance.dispose()


def test_a_server_that_starts_its_runs_in_another_way_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class OfAnotherVersion:
        def __init__(self, *_: Any, **named: Any) -> None:
            self.named = named

    monkeypatch.setattr(server, "DagsterApiServer", OfAnotherVersion)
    monkeypatch.setattr(server, "start_run_in_subprocess", print)  # which monkeypatch undoes
    code_server.fork_runs()
    assert vars(server.DagsterApiServer(heartbeat=True)) == {"named": {"heartbeat": True}}  # type: ignore[call-arg]
    monkeypatch.delattr(server, "start_run_in_subprocess")
    monkeypatch.setattr(server, "DagsterApiServer", OfAnotherVersion)
    code_server.fork_runs()
    assert vars(server)["DagsterApiServer"] is OfAnotherVersion


def test_a_dagster_without_the_entry_point_starts_its_own_code_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(server, "get_python_environment_entry_point")
    code_server.use()
    assert not hasattr(server, "get_python_environment_entry_point")
