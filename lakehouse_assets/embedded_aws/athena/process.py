"""Runs each query's DuckDB in a process of its own with a memory limit: a query cannot exhaust the memory of the
server, which running batches need, and it is gone as soon as it is stopped.

DuckDB's own limit covers its buffers, not the results of functions: `repeat('x', 2000000000)` took the server past 4
GB. The process is forked from one that has imported everything already, which takes some ten milliseconds.
"""

import multiprocessing
import os
import resource
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from typing import Any

from lakehouse_assets.embedded_aws.athena.results import QueryError, Result, text, trino_type
from lakehouse_assets.embedded_aws.athena.sql import Query, TableName
from lakehouse_assets.embedded_aws.athena.views import DeltaFiles, answer

MEMORY = 2 << 30
RESULT_BYTES = 512 << 20
"""The server keeps a result in memory as long as it keeps the query."""
BYTES_OF_A_VALUE = 50
"""Python's memory for a text, besides its characters."""
SECONDS_BETWEEN_LOOKS = 0.25
LONGEST_FOLDER = 60
"""Longest path, in bytes, of the folder for multiprocessing's socket, which adds a folder and a name of its own."""
EXCEEDED = (
    f"EXCEEDED_MEMORY_LIMIT: the embedded Athena gives a query {MEMORY >> 30} GiB of memory, and this one needs more"
)
OUT_OF_MEMORY = ("Out of Memory Error", "bad_alloc")
"""DuckDB's messages beyond its own limit, and beyond that of the process."""
TOO_MUCH = (
    f"NOT_SUPPORTED: the result is larger than {RESULT_BYTES >> 20} MiB, the limit of the embedded Athena; select fewer"
    " rows or columns"
)

_forked = multiprocessing.get_context("forkserver")
_forked.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Request:
    """A query to run, the live files of each of its tables, and the database for unqualified names."""

    query: Query
    tables: dict[TableName, DeltaFiles]
    database: str


def run(request: Request, on_start: Callable[[Callable[[], None]], None], why_stop: Callable[[], str | None]) -> Result:
    """Runs a query. Raises QueryError with the reason if it fails, or if `why_stop`, which is called regularly, returns
    a reason.

    `on_start` is called with a function that ends the query, from any thread.
    """
    _shorten_socket_name()
    ours, theirs = _forked.Pipe(duplex=False)
    process = _forked.Process(target=_run, args=(theirs, request), daemon=True)
    process.start()
    theirs.close()
    try:
        on_start(process.kill)
        while not ours.poll(SECONDS_BETWEEN_LOOKS):
            if reason := why_stop():
                raise QueryError(reason)
        found = ours.recv()
    except EOFError:
        raise QueryError(EXCEEDED) from None
    finally:
        process.kill()
        process.join()
        ours.close()
    if isinstance(found, str):
        raise QueryError(found)
    result: Result = found
    return result


def stop() -> None:
    """Ends the process that queries are forked from, and waits for its end. Called when the server stops."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


def _shorten_socket_name() -> None:
    """Makes the socket's name relative to the working folder, if the home's path is long: it has at most 107 bytes. The
    server never changes its working folder, the home.
    """
    if len(os.fsencode(tempfile.gettempdir())) > LONGEST_FOLDER:
        multiprocessing.current_process()._config["tempdir"] = os.path.relpath(tempfile.gettempdir())  # type: ignore[attr-defined]


def _run(connection: Connection, request: Request) -> None:
    """Runs the query, in its process, and sends a Result or the reason of the failure."""
    threading.Thread(target=_exit_with_the_server, name="server", daemon=True).start()
    with suppress(ValueError, OSError):
        # macOS does not have this limit.
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    found: Result | str
    try:
        with answer(request.query, request.tables, request.database) as answered:
            types = answered.types
            found = Result(
                list(answered.columns),
                [trino_type(type_) for type_ in types],
                list(_texts(answered.rows, types)),
                bytes_scanned=0,
            )
    except QueryError as error:
        found = EXCEEDED if any(words in str(error) for words in OUT_OF_MEMORY) else str(error)
    except MemoryError:
        found = EXCEEDED
    except Exception as error:  # noqa: BLE001 - every error fails the query, and is reported to the server
        found = str(error)
    connection.send(found)


def _texts(rows: Iterator[list[tuple[Any, ...]]], types: tuple[str, ...]) -> Iterator[list[str | None]]:
    size = 0
    for several in rows:
        for row in several:
            texts = [text(value, type_) for value, type_ in zip(row, types, strict=True)]
            size += sum(len(each or "") + BYTES_OF_A_VALUE for each in texts)
            if size > RESULT_BYTES:
                raise QueryError(TOO_MUCH)
            yield texts


def _exit_with_the_server() -> None:
    """Ends this process when the server ends: one that is killed does not kill its children."""
    server = multiprocessing.parent_process()
    assert server is not None
    wait([server.sentinel])
    os._exit(1)
