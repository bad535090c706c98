"""Queries run in processes of their own, with limits."""

import itertools
import json
import re
import sys
from pathlib import Path

import pytest

from lakehouse_assets.embedded_aws.athena import process as athena_process
from lakehouse_assets.embedded_aws.athena.process import Request, run
from lakehouse_assets.embedded_aws.athena.queries import reason_to_stop
from lakehouse_assets.embedded_aws.athena.results import QueryError
from lakehouse_assets.embedded_aws.athena.sql import translate
from lakehouse_assets.embedded_aws.athena.views import open_database
from lakehouse_assets_tests.embedded_aws.steps import ENDLESS, Athena, is_alive, wait_for


def test_a_query_that_is_stopped_stays_stopped(athena: Athena) -> None:
    query_id = athena.start(ENDLESS)
    wait_for(
        lambda: (
            athena.client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]["State"]
            == "RUNNING"
            or None
        )
    )

    athena.client.stop_query_execution(QueryExecutionId=query_id)

    assert athena.ended(query_id)["Status"]["State"] == "CANCELLED"
    assert athena.rows("SELECT 1") == [("1",)]
    assert athena.ended(query_id)["Status"]["State"] == "CANCELLED"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="macOS has no limit on a process's memory")
def test_a_query_that_needs_more_memory_than_there_is_fails_and_the_server_lives_on(athena: Athena, home: Path) -> None:
    assert athena.rows("SELECT 1") == [("1",)]

    assert "EXCEEDED_MEMORY_LIMIT" in athena.reason_to_fail(
        "SELECT replace(lpad('x', 1000000, 'x'), 'x', lpad('y', 10000, 'y'))"
    )

    server = json.loads((home / "aws" / "server.json").read_text())["pid"]
    most = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{server}/status").read_text())
    assert most is not None
    assert int(most[1]) < 1_000_000, "it has not been in the server's memory at any time"
    assert athena.rows("SELECT 1") == [("1",)]


def test_each_query_has_random_numbers_of_its_own(athena: Athena) -> None:
    """The queries' processes are copies of one that has a DuckDB open."""
    assert athena.rows("SELECT random()") != athena.rows("SELECT random()")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_a_process_with_a_database_can_be_forked() -> None:
    threads = Path("/proc/self/task")
    before = {thread.name for thread in threads.iterdir()}

    with open_database() as opened:
        assert opened.execute("SELECT sum(range) FROM range(100000)").fetchall() == [(4999950000,)]
        assert {thread.name for thread in threads.iterdir()} <= before


def test_a_query_of_which_nobody_wants_to_know_ends_with_its_process() -> None:
    processes: list[int] = []
    request = Request(translate(ENDLESS, [], "d"), {}, "d")

    with pytest.raises(QueryError, match="no client asked for its state"):
        run(request, lambda kill: processes.append(kill.__self__.pid), lambda: reason_to_stop(1.0, 61.0))  # type: ignore[attr-defined]

    assert not is_alive(processes[0])
    assert reason_to_stop(1800.5, 0.1) is not None, "Athena's time limit"
    assert reason_to_stop(600.0, 59.0) is None


def test_a_result_that_would_fill_the_servers_memory_is_refused_while_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(athena_process, "RESULT_BYTES", 10 * athena_process.BYTES_OF_A_VALUE)
    endless = ([(number,)] for number in itertools.count())

    with pytest.raises(QueryError, match="the result is larger than"):
        list(athena_process._texts(endless, ("integer",)))
