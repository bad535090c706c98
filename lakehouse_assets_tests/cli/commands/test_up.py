"""`lakehouse up` and `down`: all of it runs for one home, is used by that home's commands, and is gone afterwards."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from lakehouse_assets.cli.commands.up import running_url
from lakehouse_assets.cli.exit_codes import ExitCode
from lakehouse_assets.connect import connected
from lakehouse_assets.embedded_aws.process import running
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.cli.commands.up_processes import (
    await_batch_under_way,
    await_none_of,
    fork_servers,
    kill_all_of,
    parent_of,
    processes_of,
)
from lakehouse_assets_tests.cli.conftest import PROGRAM, Program, clean_environment
from lakehouse_assets_tests.graphql import answer_of
from lakehouse_assets_tests.support import product, products_csv

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes under /proc"),
]
Up = Callable[..., "subprocess.Popen[str]"]
RELOAD = """mutation { reloadRepositoryLocation(repositoryLocationName: "lakehouse_assets") {
    ... on WorkspaceLocationEntry { locationOrLoadError { __typename } }
} }"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def up(home: Path, tmp_path: Path) -> Iterator[Up]:
    """Starts `lakehouse up` and waits until it says that all runs."""
    started: list[subprocess.Popen[str]] = []

    def start(**settings: str) -> subprocess.Popen[str]:
        environment = clean_environment() | {"LAKEHOUSE_HOME": str(home), "PYTHONUNBUFFERED": "1"} | settings
        process = subprocess.Popen(
            [PROGRAM, "up"], env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        started.append(process)
        assert process.stdout is not None
        said = ""
        while "use it now" not in said:
            line = process.stdout.readline()
            assert line, f"lakehouse up ended: {said}"
            said += line
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_commands_use_what_up_runs_and_down_stops_it_all(up: Up, home: Path, program: Program, tmp_path: Path) -> None:
    process = up()
    url = running_url(home)
    assert url is not None
    assert url.startswith("http://127.0.0.1:")
    assert f"Already running: {url}" in program("up").stdout

    (tmp_path / "p.csv").write_text(products_csv(product(1)))
    loaded = program("load", "p.csv", "--json")
    assert json.loads(loaded.stdout)["status"] == "succeeded"
    assert running(home) is not None, "the load leaves the embedded AWS to the others who use it"
    assert _runs(url) == [{"jobName": "load_batch", "status": "SUCCESS"}]

    _attack(url)
    assert len(_runs(url)) == 1

    other = program("load", "p.csv", "--json", home=tmp_path / "other")
    assert json.loads(other.stdout)["datasets"]["products"]["inserted"] == 1, (
        "another home beside it is another lakehouse"
    )
    assert "Nothing is running" in program("down", home=tmp_path / "other").stdout

    assert "Stopped" in program("down").stdout
    assert process.wait(timeout=60) == 0
    assert processes_of(home) == {}
    assert "Nothing is running" in program("down").stdout


def test_files_that_are_put_become_tables_by_themselves_even_if_the_run_is_killed(
    up: Up, program: Program, home: Path, tmp_path: Path
) -> None:
    """All of it as a user has it: S3's event, the queue, Dagster's daemon, its sensor, a run in a process of its own.
    That process, which the lease names, is killed (SIGKILL): Dagster's monitoring finds it gone and starts the run
    again, which finishes the batch. The code was loaded again before (`Reload` in the UI)."""
    up(LAKEHOUSE_SENSOR_SECONDS="1", LAKEHOUSE_GATE="any")
    old = fork_servers(home)
    reloaded = answer_of(str(running_url(home)), RELOAD, 120)["reloadRepositoryLocation"]
    assert reloaded["locationOrLoadError"] == {"__typename": "RepositoryLocation"}
    (tmp_path / "p.csv").write_text(products_csv(product(1), product(2)))
    program("put", "p.csv")
    with connected(Settings(home=home)) as lakehouse:
        zone, deadline = lakehouse.zone, time.monotonic() + 60
        while not (open_batch := zone.store.exists(zone.open_batch_key)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert open_batch
        lease = zone.store.get_json(zone.lease_key)
        assert lease is not None
        assert parent_of(lease["process"]) in fork_servers(home) - old, "it has the code that was loaded again"
        os.kill(lease["process"], signal.SIGKILL)
        deadline = time.monotonic() + 120
        while zone.store.exists(zone.open_batch_key) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert [
            (report["status"], report["datasets"]["products"]["inserted"]) for report in lakehouse.reports.all()
        ] == [("succeeded", 2)]
    assert json.loads(program("query", "SELECT count(*) AS n FROM products", "--format", "json").stdout) == [{"n": 2}]
    program("down")


def test_after_a_power_cut_the_batch_goes_on_by_itself(up: Up, home: Path, program: Program, tmp_path: Path) -> None:
    """The run that was under way has no process and no code server any more, but has the pool."""
    up(LAKEHOUSE_SENSOR_SECONDS="1", LAKEHOUSE_GATE="any")
    (tmp_path / "p.csv").write_text(products_csv(product(1)))
    (tmp_path / "q.csv").write_text(products_csv(product(2)))
    program("put", "p.csv")
    await_batch_under_way(home)
    kill_all_of(home)
    up(LAKEHOUSE_SENSOR_SECONDS="1", LAKEHOUSE_GATE="any")
    program("put", "q.csv")
    deadline = time.monotonic() + 240
    while len(json.loads(program("history", "--json").stdout)) < 2 and time.monotonic() < deadline:
        time.sleep(1)
    assert json.loads(program("query", "SELECT count(*) AS n FROM products", "--format", "json").stdout) == [{"n": 2}]
    program("down")


def test_the_state_machine_does_it_where_the_setting_says_so_and_nothing_of_it_stays(
    up: Up, home: Path, program: Program, tmp_path: Path
) -> None:
    """Deployed from the same templates as to AWS; Dagster's sensor starts nothing then."""
    up(LAKEHOUSE_ORCHESTRATOR="state_machine", LAKEHOUSE_SENSOR_SECONDS="1", LAKEHOUSE_GATE="any")
    (tmp_path / "p.csv").write_text(products_csv(product(1), product(2)))
    program("put", "p.csv")
    deadline = time.monotonic() + 240
    while not (history := json.loads(program("history", "--json").stdout)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert [(report["status"], report["datasets"]["products"]["inserted"]) for report in history] == [("succeeded", 2)]
    assert ":execution:EcommerceETLPipeline:" in history[0]["run_by"]["execution"]
    program("down")
    assert await_none_of(home) == {}


def _runs(url: str) -> list[dict[str, str]]:
    query = "{ runsOrError { ... on Runs { results { jobName status } } } }"
    found: list[dict[str, str]] = answer_of(url, query, 120)["runsOrError"]["results"]
    return found


def _attack(url: str) -> None:
    """What any page that is open in a browser could do: each of these started and stopped things."""
    mutation = 'mutation { shutdownRepositoryLocation(repositoryLocationName: "lakehouse_assets") { __typename } }'
    asked = json.dumps({"query": mutation}).encode()
    by_get = f"{url}/graphql?{urlencode({'query': mutation})}"
    port = url.rpartition(":")[2]
    for request in (
        urllib.request.Request(by_get, headers={"Accept": "image/*", "Sec-Fetch-Site": "cross-site"}),
        urllib.request.Request(by_get, b"", {"Content-Type": "text/plain", "Origin": "https://evil.example"}),
        urllib.request.Request(
            f"{url}/graphql", asked, {"Content-Type": "application/json", "Host": f"evil.example:{port}"}
        ),
        urllib.request.Request(
            f"{url}/graphql", asked, {"Content-Type": "application/json", "Origin": "https://evil.example"}
        ),
        urllib.request.Request(url, headers={"Host": f"evil.example:{port}"}),
    ):
        with pytest.raises(HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)
        assert refused.value.code in (403, 405)
    address, protocols = f"{url.replace('http', 'ws')}/graphql", [Subprotocol("graphql-ws")]
    with pytest.raises(InvalidStatus):
        connect(address, subprotocols=protocols, origin=Origin("https://evil.example"))
    with connect(address, subprotocols=protocols, origin=Origin(url)) as own:
        own.send(json.dumps({"type": "connection_init"}))
        assert json.loads(own.recv(timeout=30)) == {"type": "connection_ack"}


def test_a_port_that_somebody_else_has_is_refused_before_anything_is_started(home: Path, program: Program) -> None:
    """Whoever has it may answer as Dagster's UI does: another home's."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = program("up", "--port", port, home=home)
    assert refused.returncode == 2
    assert (
        f"The UI cannot use port {port} of 127.0.0.1: Address already in use. Stop the program that listens there, give"
        " another --port" in refused.stderr
    )
    assert not (home / "aws").exists()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_nothing_stays_even_if_up_ends_while_a_batch_runs(
    up: Up, home: Path, program: Program, tmp_path: Path, how: signal.Signals
) -> None:
    """The next command finishes the batch."""
    process = up(LAKEHOUSE_SENSOR_SECONDS="1", LAKEHOUSE_GATE="any")
    (tmp_path / "p.csv").write_text(products_csv(product(1), product(2)))
    program("put", "p.csv")
    await_batch_under_way(home)
    process.send_signal(how)
    process.wait()
    assert await_none_of(home) == {}
    assert "Nothing is running" in program("down").stdout
    program("load")
    assert json.loads(program("query", "SELECT count(*) AS n FROM products", "--format", "json").stdout) == [{"n": 2}]


@pytest.mark.usefixtures("interrupts_heeded")
def test_ctrl_c_stops_a_load_and_its_embedded_aws(home: Path, tmp_path: Path, program: Program) -> None:
    (tmp_path / "p.csv").write_text(products_csv(product(1)))
    environment = clean_environment() | {"LAKEHOUSE_HOME": str(home)}
    process = subprocess.Popen(
        [PROGRAM, "load", "p.csv", "--json"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while running(home) is None:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED, error
    assert "Traceback" not in error
    assert await_none_of(home) == {}
    assert json.loads(program("load", "p.csv", "--json").stdout)["status"] == "succeeded"
