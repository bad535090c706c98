import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lakehouse_assets.embedded_aws.glue.job_process import JobProcess, LaunchError, Outcome, Prepare, error_in
from lakehouse_assets_tests.embedded_aws.steps import is_alive, wait_for

SLEEP = b"import pathlib, sys, time\npathlib.Path(sys.argv[1]).touch()\ntime.sleep(600)"


def as_here(_folder: Path, _say: Callable[[str], None]) -> Mapping[str, str]:
    return os.environ


def job(
    script: bytes | None,
    log: Path,
    *arguments: str,
    command: tuple[str, ...] = (sys.executable,),
    prepare: Prepare = as_here,
) -> JobProcess:
    return JobProcess(script, "s3://bucket/scripts/job.py", arguments, command, log, prepare)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "run.log"


def test_a_script_gets_its_arguments_and_its_output_is_kept(log: Path) -> None:
    outcome = job(b"import sys; print(sys.argv[1:], file=sys.stderr)", log, "--name", "a value").run(seconds=60)

    assert outcome == Outcome("SUCCEEDED")
    assert log.read_text() == "['--name', 'a value']\n"


def test_a_script_that_fails_says_why_as_glue_does(log: Path) -> None:
    outcome = job(b"def read():\n    raise ValueError('no orders today')\n\nread()", log).run(seconds=60)

    assert outcome == Outcome(
        "FAILED",
        "Error Category: UNCLASSIFIED_ERROR; Failed Line Number: 4; ValueError: no orders today\n(the whole log:"
        f" {log})",
    )


def test_a_script_that_ends_without_an_exception_says_its_exit_code(log: Path) -> None:
    assert job(b"import os; os._exit(137)", log).run(seconds=60) == Outcome(
        "FAILED", f"Command failed with exit code 137\n(the whole log: {log})"
    )


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (
            "import no_such_module",
            (
                "Error Category: IMPORT_ERROR; Failed Line Number: 1; ModuleNotFoundError: No module named"
                " 'no_such_module'"
            ),
        ),
        (
            "import json\njson.loads('{')",
            "Error Category: UNCLASSIFIED_ERROR; Failed Line Number: 2; JSONDecodeError: Expecting property name",
        ),
        ("raise ValueError('first\\nsecond')", "Failed Line Number: 1; ValueError: first\nsecond"),
        (
            "try:\n    1 / 0\nexcept ArithmeticError as error:\n    raise KeyError('later') from error",
            "Failed Line Number: 4; KeyError: 'later'",
        ),
        ("raise KeyboardInterrupt", "Failed Line Number: 1; KeyboardInterrupt"),
    ],
)
def test_an_exception_is_told_with_its_line_class_and_message(log: Path, script: str, told: str) -> None:
    assert told in job(script.encode(), log).run(seconds=60).error


def test_a_log_without_an_exception_tells_of_none() -> None:
    assert error_in("all is well\n", "job.py") is None


def test_a_script_finds_what_was_prepared_for_it_and_the_log_says_what_was(log: Path) -> None:
    def prepare(folder: Path, say: Callable[[str], None]) -> Mapping[str, str]:
        (folder / "beside.txt").write_text("hello")
        say("put a file beside it")
        return {"PREPARED": "yes"}

    outcome = job(
        b"import os; print(open('beside.txt').read(), os.environ['PREPARED'], 'PATH' in os.environ)",
        log,
        prepare=prepare,
    ).run(seconds=60)

    assert outcome == Outcome("SUCCEEDED")
    assert log.read_text() == "[embedded Glue] put a file beside it\nhello yes False\n"


def test_a_script_whose_needs_are_not_met_is_not_started(log: Path, tmp_path: Path) -> None:
    def prepare(_folder: Path, _say: Callable[[str], None]) -> Mapping[str, str]:
        raise LaunchError("File not found: s3://bucket/module.whl")

    outcome = job(SLEEP, log, str(tmp_path / "started"), prepare=prepare).run(seconds=60)

    assert outcome == Outcome(
        "FAILED", f"LAUNCH ERROR | File not found: s3://bucket/module.whl\n(the whole log: {log})"
    )
    assert not (tmp_path / "started").exists()


def test_a_script_that_takes_too_long_is_ended(log: Path, tmp_path: Path) -> None:
    outcome = job(SLEEP, log, str(tmp_path / "started")).run(seconds=0.5)

    assert outcome.state == "TIMEOUT"


def test_a_script_is_ended_with_what_it_started(log: Path, tmp_path: Path) -> None:
    child_started = tmp_path / "child"
    script = b"import subprocess, sys\nsubprocess.run([sys.executable, '-c', sys.argv[2], sys.argv[1]])"
    process = job(
        script,
        log,
        str(child_started),
        "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)",
    )
    outcomes: list[Outcome] = []
    running = threading.Thread(target=lambda: outcomes.append(process.run(seconds=600)))
    running.start()
    child = wait_for(
        lambda: child_started.read_text() if child_started.exists() and child_started.read_text() else None
    )

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
