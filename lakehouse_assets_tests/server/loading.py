"""Files that are put on a server, the tables that they become, and the runs that did it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

from deltalake.exceptions import TableNotFoundError

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.connect import connected
from lakehouse_assets.settings import Settings
from lakehouse_assets_tests.server.postgres import DATABASE, Postgres
from lakehouse_assets_tests.server.processes import Server
from lakehouse_assets_tests.server.waiting import until
from lakehouse_assets_tests.support import product, products_csv, put, table_rows

UNFINISHED = "('NOT_STARTED', 'QUEUED', 'STARTING', 'STARTED', 'CANCELING')"
_numbers = count(1)


@contextmanager
def lakehouse_of(server: Server) -> Iterator[Lakehouse]:
    with connected(Settings(home=server.home)) as lakehouse:
        yield lakehouse


def put_a_product(server: Server) -> int:
    """Puts a file with one row that no other file has, and returns its number."""
    number = next(_numbers)
    with lakehouse_of(server) as lakehouse:
        put(lakehouse, f"raw/products/p{number}.csv", products_csv(product(number)))
    return number


def await_product(server: Server, database: Postgres, number: int) -> None:
    """Waits until the row is in the table and every batch and run has ended. What ends meanwhile is started again."""

    def loaded() -> bool:
        server.revive()
        with lakehouse_of(server) as lakehouse:
            return number in products(lakehouse) and not lakehouse.zone.store.exists(lakehouse.zone.open_batch_key)

    until(loaded, f"product {number} is in the table", pause=1)
    until(lambda: not unfinished_runs(database), "every run has ended")


def products(lakehouse: Lakehouse) -> list[int]:
    """The numbers of all rows of the table."""
    try:
        return [number for (number,) in table_rows(lakehouse, "products", "product_id")]
    except TableNotFoundError:
        return []


def kill_the_run_under_way(server: Server) -> None:
    """SIGKILL to the process of a run, as soon as it has frozen a batch."""
    with suppress(ProcessLookupError):
        os.kill(await_batch_under_way(server), signal.SIGKILL)


def await_batch_under_way(server: Server) -> int:
    """Waits until a run has frozen a batch. Returns the run's process."""
    with lakehouse_of(server) as lakehouse:
        zone = lakehouse.zone
        until(lambda: zone.store.exists(zone.open_batch_key), "a batch is under way", pause=0.01)
        lease = zone.store.get_json(zone.lease_key)
    assert lease is not None
    return int(lease["process"])


def runs(database: Postgres, name: str = DATABASE) -> dict[str, int]:
    """How many runs of the load have each status."""
    answer = database.ask("SELECT status, count(*) FROM runs WHERE pipeline_name = 'load_batch' GROUP BY status", name)
    return {status: int(number) for status, number in (line.split("|") for line in answer.splitlines())}


def unfinished_runs(database: Postgres) -> list[str]:
    return database.ask(f"SELECT run_id, status FROM runs WHERE status IN {UNFINISHED}").splitlines()
