import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mypy_boto3_s3 import S3Client

from lakehouse_assets.embedded_aws.process import EmbeddedAws, embedded_aws, log_file, on_death, running
from lakehouse_assets.errors import TemporaryOutage
from lakehouse_assets_tests.embedded_aws.clients import client
from lakehouse_assets_tests.embedded_aws.steps import is_alive, wait_for

# A command that uses the embedded AWS of a home until its standard input ends. It prints the endpoint, and "done" at
# the end.
COMMAND = """
import sys
from pathlib import Path
from lakehouse_assets.embedded_aws.process import embedded_aws
with embedded_aws(Path(sys.argv[1])) as aws:
    print(aws.endpoint, flush=True)
    sys.stdin.read()
print("done", flush=True)
"""


class Command:
    """A command in another process, in a process group of its own, as a shell starts it."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert self.process.stdout is not None
        self.endpoint = self.process.stdout.readline().strip()

    def finish(self) -> str:
        """Lets the command end. Returns the rest of its output."""
        rest, _ = self.process.communicate(timeout=60)
        return rest.strip()

    def kill(self, signal_number: int = signal.SIGKILL) -> None:
        self.process.send_signal(signal_number)
        self.process.wait(timeout=60)
        self.process.communicate()


@contextmanager
def command(home: Path) -> Iterator[Command]:
    started = Command(home)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.kill()


def server_pid(home: Path) -> int:
    return int(json.loads((home / "aws" / "server.json").read_text())["pid"])


def answers(aws: EmbeddedAws | str) -> bool:
    endpoint = aws if isinstance(aws, str) else aws.endpoint
    try:
        with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def s3_client(aws: EmbeddedAws) -> S3Client:
    found: S3Client = client("s3", aws)
    return found


def gone(pid: int) -> None:
    wait_for(lambda: None if is_alive(pid) else True)


def test_it_runs_while_it_is_used_and_no_longer(tmp_path: Path) -> None:
    assert running(tmp_path) is None

    with embedded_aws(tmp_path) as aws:
        pid = server_pid(tmp_path)
        assert answers(aws)
        assert running(tmp_path) == aws
        assert aws.endpoint.startswith("http://127.0.0.1:")

    assert not is_alive(pid)
    assert running(tmp_path) is None


def test_asking_whether_it_runs_creates_nothing(tmp_path: Path) -> None:
    assert running(tmp_path / "home") is None

    assert list(tmp_path.iterdir()) == []


def test_it_ends_with_a_user_that_fails(tmp_path: Path) -> None:
    pids = []

    def fail() -> None:
        with embedded_aws(tmp_path):
            pids.append(server_pid(tmp_path))
            raise ValueError("no orders")

    with pytest.raises(ValueError, match="no orders"):
        fail()
    assert not is_alive(pids[0])


def test_two_homes_run_side_by_side(tmp_path: Path) -> None:
    with embedded_aws(tmp_path / "one") as one, embedded_aws(tmp_path / "two") as two:
        s3_client(one).create_bucket(Bucket="only-here")

        assert one != two
        assert s3_client(two).list_buckets()["Buckets"] == []


def test_two_users_of_a_home_share_one(tmp_path: Path) -> None:
    with embedded_aws(tmp_path) as first:
        with embedded_aws(tmp_path) as second:
            assert first == second
        assert answers(first)


def test_many_who_come_at_once_share_one(tmp_path: Path) -> None:
    ready, leave = threading.Barrier(8), threading.Barrier(8)
    endpoints: list[str] = []

    def use() -> None:
        ready.wait()
        with embedded_aws(tmp_path) as aws:
            endpoints.append(aws.endpoint)
            leave.wait()

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(endpoints) == 8
    assert len(set(endpoints)) == 1
    wait_for(lambda: running(tmp_path) is None or None)
    assert not answers(endpoints[0])


def test_the_one_who_started_it_leaves_it_to_those_who_still_use_it(tmp_path: Path) -> None:
    with command(tmp_path) as starter:
        with embedded_aws(tmp_path) as aws:
            pid = server_pid(tmp_path)

            assert starter.finish() == "done"
            assert answers(aws)

        gone(pid)
        assert running(tmp_path) is None


def test_it_outlives_a_starter_that_is_killed_as_long_as_it_is_used(tmp_path: Path) -> None:
    with command(tmp_path) as starter, embedded_aws(tmp_path) as aws:
        pid = server_pid(tmp_path)
        starter.kill()

        assert answers(aws)
        with embedded_aws(tmp_path) as again:
            assert again == aws

    gone(pid)


def test_it_goes_with_a_starter_that_is_killed_and_the_next_starts_anew(tmp_path: Path) -> None:
    with command(tmp_path) as starter:
        pid = server_pid(tmp_path)
        aws = running(tmp_path)
        assert aws is not None
        s3 = s3_client(aws)
        s3.create_bucket(Bucket="kept")
        s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
        starter.kill()

    gone(pid)
    with embedded_aws(tmp_path) as aws:
        assert server_pid(tmp_path) != pid
        assert s3_client(aws).get_bucket_versioning(Bucket="kept")["Status"] == "Enabled"


@pytest.mark.usefixtures("interrupts_heeded")
def test_ctrl_c_in_the_terminal_stops_the_command_first(tmp_path: Path) -> None:
    with command(tmp_path) as starter, embedded_aws(tmp_path) as aws:
        # As a terminal does: it sends the signal to every process of the foreground group.
        os.killpg(starter.process.pid, signal.SIGINT)
        starter.process.wait(timeout=60)

        assert answers(aws)


def test_a_server_that_was_killed_is_replaced(tmp_path: Path) -> None:
    with embedded_aws(tmp_path):
        pid = server_pid(tmp_path)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: running(tmp_path) is None or None)

        with embedded_aws(tmp_path) as second:
            assert server_pid(tmp_path) != pid
            assert answers(second)


def test_who_uses_one_that_dies_is_told_at_once_and_who_uses_one_that_ends_is_not(tmp_path: Path) -> None:
    told: list[str] = []
    with on_death(told.append):
        with embedded_aws(tmp_path):
            pass
        assert told == []
        with embedded_aws(tmp_path):
            os.kill(server_pid(tmp_path), signal.SIGKILL)
            wait_for(lambda: told or None)

    assert str(log_file(tmp_path)) in told[0]
    assert f"The embedded AWS of {tmp_path} died" in told[0]


def test_a_server_that_cannot_start_is_an_outage_that_names_its_log(tmp_path: Path) -> None:
    (tmp_path / "aws").mkdir()
    (tmp_path / "aws" / "s3").write_text("a file where the folder of the objects has to be")

    with pytest.raises(TemporaryOutage) as outage, embedded_aws(tmp_path):
        pass

    assert str(log_file(tmp_path)) in str(outage.value)
    assert "FileExistsError" in str(outage.value)


def test_nothing_is_written_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with embedded_aws(tmp_path) as aws:
        s3_client(aws).list_buckets()

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}),
        (
            {"NO_PROXY": ".corp, localhost"},
            {"NO_PROXY": ".corp,localhost,127.0.0.1", "no_proxy": ".corp,localhost,127.0.0.1"},
        ),
        (
            {"NO_PROXY": "a", "no_proxy": "b"},
            {"NO_PROXY": "a,127.0.0.1,localhost", "no_proxy": "b,127.0.0.1,localhost"},
        ),
        ({"no_proxy": "*"}, {"NO_PROXY": "*", "no_proxy": "*"}),
    ],
)
def test_who_uses_it_goes_past_proxies_for_this_machine_and_for_whom_else_it_did(
    home: Path, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch, before: dict[str, str], after: dict[str, str]
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, before.get(name, ""))
    with embedded_aws(home):
        assert {name: os.environ[name] for name in after} == after


def test_looking_at_it_imports_neither_the_emulator_nor_an_sdk() -> None:
    imports = (
        "import sys, lakehouse_assets.embedded_aws.process; print(sorted(sys.modules.keys() & {'ministack', 'boto3',"
        " 'dagster', 'duckdb'}))"
    )

    found = subprocess.run(
        [sys.executable, "-c", imports], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )

    assert found.stdout.strip() == "[]"
