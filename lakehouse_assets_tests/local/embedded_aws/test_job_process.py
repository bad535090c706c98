import sys
import threading
from pathlib import Path

import pytest

from lakehouse_assets.local.embedded_aws.job_process import JobProcess, Outcome
from lakehouse_assets_tests.local.embedded_aws.steps import is_alive, wait_for

SLEEP = b"import pathlib, sys, time\npathlib.Path(sys.argv[1]).touch()\ntime.sleep(600)"


def job(script: bytes | None, log: Path, *arguments: str, command: tuple[str, ...] = (sys.executable,)) -> JobProcess:
    return JobProcess(script, "s3://bucket/scripts/job.py", arguments, command, log)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "run.log"


def test_a_script_gets_its_arguments_and_its_output_is_kept(log: Path) -> None:
    outcome = job(b"import sys; print(sys.argv[1:], file=sys.stderr)", log, "--name", "a value").run(seconds=60)

    assert outcome == Outcome("SUCCEEDED")
    assert log.read_text() == "['--name', 'a value']\n"


def test_a_script_that_fails_says_why(log: Path) -> None:
    outcome = job(b"raise ValueError('no orders today')", log).run(seconds=60)

    assert outcome.state == "FAILED"
    assert "ValueError: no orders today\n(exit code 1; the whole log: " in outcome.error


def test_a_script_that_takes_too_long_is_ended(log: Path, tmp_path: Path) -> None:
    outcome = job(SLEEP, log, str(tmp_path / "started")).run(seconds=0.5)

    assert outcome.state == "TIMEOUT"


def test_a_script_is_ended_with_what_it_started(log: Path, tmp_path: Path) -> None:
    child_started = tmp_path / "child"
    script = b"import subprocess, sys\nsubprocess.run([sys.executable, '-c', sys.argv[2], sys.argv[1]])"
    process = job(script, log, str(child_started), "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)")
    outcomes: list[Outcome] = []
    running = threading.Thread(target=lambda: outcomes.append(process.run(seconds=600)))
    running.start()
    child = wait_for(lambda: child_started.read_text() if child_started.exists() and child_started.read_text() else None)

    process.stop()
    running.join()

    assert outcomes == [Outcome("STOPPED")]
    wait_for(lambda: None if is_alive(int(child)) else True)


def test_a_run_that_is_stopped_before_it_starts_never_starts(log: Path, tmp_path: Path) -> None:
    process = job(SLEEP, log, str(tmp_path / "started"))
    process.stop()

    assert process.run(seconds=60) == Outcome("STOPPED")
    assert not (tmp_path / "started").exists()


def test_a_script_that_is_not_there_fails_the_run(log: Path) -> None:
    assert job(None, log).run(seconds=60) == Outcome("FAILED", "There is no script at s3://bucket/scripts/job.py")


def test_a_command_that_is_not_there_fails_the_run(log: Path) -> None:
    outcome = job(b"", log, command=("no-such-command",)).run(seconds=60)

    assert outcome.state == "FAILED"
    assert "no-such-command could not be started" in outcome.error
