"""A server on PostgreSQL: files become tables, whichever process is killed. Nobody does anything but start it again."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
import yaml

from aws_deploy.ecs_names import HEARTBEAT
from lakehouse_assets_tests.graphql import answer_of
from lakehouse_assets_tests.server.loading import (
    await_batch_under_way,
    await_product,
    kill_the_run_under_way,
    lakehouse_of,
    products,
    put_a_product,
    runs,
    unfinished_runs,
)
from lakehouse_assets_tests.server.postgres import Postgres
from lakehouse_assets_tests.server.processes import CODE, DAEMON, FILES, WEBSERVER, Server, kill_group
from lakehouse_assets_tests.server.waiting import until
from lakehouse_assets_tests.support import product, products_csv

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="starts what Linux servers run"),
]
LOCATIONS = (
    "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError {__typename} } } } }"
)

LOAD_THAT_IS_KILLED = """
import os, signal, sys
from lakehouse_assets.batches.batch import Batch
from lakehouse_assets.cli.main import main
Batch.load = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
sys.argv[1:1] = ["load"]
main()
"""


def shows_the_location(server: Server) -> bool:
    try:
        shown = answer_of(server.url, LOCATIONS, 60)["workspaceOrError"]
    except OSError:
        return False
    assert isinstance(shown, dict)
    return bool(
        shown["locationEntries"]
        == [
            {
                "name": "lakehouse_assets",
                "loadStatus": "LOADED",
                "locationOrLoadError": {"__typename": "RepositoryLocation"},
            }
        ]
    )


def test_files_become_tables_and_their_runs_are_in_the_database(server: Server, database: Postgres) -> None:
    until(lambda: shows_the_location(server), "the user interface shows the code location", pause=1)
    number = put_a_product(server)
    await_product(server, database, number)
    assert runs(database) == {"SUCCESS": 1}
    # The alarm of Dagster on ECS counts these lines.
    until(lambda: HEARTBEAT in server.log(DAEMON).read_text("utf-8"), f"the daemon logs {HEARTBEAT!r}", pause=1)
    services = yaml.safe_load((FILES / "compose.yaml").read_text("utf-8"))["services"]
    for name in (CODE, DAEMON, WEBSERVER):
        check = [part.replace("4000", str(server.code_port)) for part in services[name]["healthcheck"]["test"][1:]]
        healthy = server.call(*[part.replace("3000", str(server.port)) for part in check])
        assert healthy.returncode == 0, (name, healthy.stdout, healthy.stderr)
    assert "SUCCESS" in str(answer_of(server.url, "{ runsOrError { ... on Runs { results { status } } } }", 60))
    assert not list((server.home / "dagster").glob("**/*.db")), "nothing is kept in SQLite"


@pytest.mark.parametrize("killed", [CODE, DAEMON, WEBSERVER])
def test_a_process_that_is_killed_takes_nothing_with_it(server: Server, database: Postgres, killed: str) -> None:
    """The file arrives while the process is away."""
    server.kill(killed)
    number = put_a_product(server)
    server.start(killed)
    await_product(server, database, number)
    until(lambda: shows_the_location(server), "the user interface shows the code location", pause=1)


def test_a_run_whose_process_is_killed_is_run_again(server: Server, database: Postgres) -> None:
    failed = runs(database).get("FAILURE", 0)
    number = put_a_product(server)
    kill_the_run_under_way(server)
    await_product(server, database, number)
    assert runs(database)["FAILURE"] == failed + 1


def test_a_run_that_dies_with_its_code_server_gives_the_pool_back(server: Server, database: Postgres) -> None:
    """As when a container is replaced or a machine restarts: what watched the run is gone, too."""
    failed = runs(database).get("FAILURE", 0)
    number = put_a_product(server)
    await_batch_under_way(server)
    server.kill(CODE)
    server.start(CODE)
    await_product(server, database, number)
    assert runs(database)["FAILURE"] == failed + 1
    await_product(server, database, put_a_product(server))


def test_a_code_server_that_is_stopped_in_order_loses_no_batch(server: Server, database: Postgres) -> None:
    number = put_a_product(server)
    run = Path(f"/proc/{await_batch_under_way(server)}/cmdline")
    assert b"lakehouse_assets.local.fork_server" in run.read_bytes(), "it is forked"
    server.end(CODE)
    server.start(CODE)
    await_product(server, database, number)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["restarted", "killed"])
def test_a_database_that_was_away_loses_nothing(server: Server, database: Postgres, how: signal.Signals) -> None:
    """A file arrives while it is away, for so long that the daemon's own tries have failed."""
    said = server.log(DAEMON).stat().st_size
    database.stop(how)
    number = put_a_product(server)
    until(lambda: b"too many retries" in server.log(DAEMON).read_bytes()[said:], "the daemon misses the database")
    database.start()
    await_product(server, database, number)


def test_a_run_that_dies_while_the_database_is_away_gives_the_pool_back(server: Server, database: Postgres) -> None:
    """Who notices the dead process cannot write it down."""
    number = put_a_product(server)
    await_batch_under_way(server)
    database.stop()
    kill_the_run_under_way(server)
    until(lambda: "is tried again" in server.log(CODE).read_text("utf-8", "replace"), "the code server noticed")
    database.start()
    await_product(server, database, number)
    await_product(server, database, put_a_product(server))


def test_two_daemons_by_mistake_load_every_file_once(server: Server, database: Postgres) -> None:
    second = server.second(DAEMON)
    try:
        with lakehouse_of(server) as lakehouse:
            before = len(lakehouse.reports.all())
        numbers = []
        for _ in range(3):
            numbers.append(put_a_product(server))
            await_product(server, database, numbers[-1])
        assert second.poll() is None, "both run all the time"
    finally:
        kill_group(second)
    with lakehouse_of(server) as lakehouse:
        assert [products(lakehouse).count(number) for number in numbers] == [1, 1, 1]
        assert len(lakehouse.reports.all()) == before + 3, "no file was in two batches"


def test_a_load_of_the_command_line_that_is_killed_gives_the_pool_back(
    server: Server, database: Postgres, tmp_path: Path
) -> None:
    """`lakehouse load` runs in its own process, which no code server watches."""
    file, failed = tmp_path / "killed.csv", runs(database).get("FAILURE", 0)
    file.write_text(products_csv(product(1_000)))
    dead = server.call("python", "-c", LOAD_THAT_IS_KILLED, str(file))
    assert dead.returncode == -signal.SIGKILL, dead.stderr
    assert unfinished_runs(database)
    await_product(server, database, put_a_product(server))
    until(lambda: runs(database).get("FAILURE", 0) == failed + 1, "the killed run is marked as failed")
    with lakehouse_of(server) as lakehouse:
        assert products(lakehouse).count(1_000) == 1


def test_a_backup_brings_the_runs_back_and_its_schema_can_be_brought_up_to_date(
    server: Server, database: Postgres, tmp_path: Path
) -> None:
    """By the commands of docs/how-to/back-up.md and upgrade.md, with the options that they have there."""
    before = runs(database)
    dump = database.dump()
    database.ask("CREATE DATABASE restored", "postgres")
    for _ in range(2):  # into an empty database, and over what is there
        database.restore(dump, "restored")
    assert runs(database, "restored") == before
    restored = database.sqlalchemy_url.removesuffix("dagster") + "restored"
    migrated = server.call("dagster", "instance", "migrate", DAGSTER_POSTGRES_URL=restored)
    assert migrated.returncode == 0, migrated.stderr
    assert runs(database, "restored") == before
