"""Runs the DuckDB of each query in a process of its own, with a bound on its memory: one query cannot take the machine
from the server that batches need, and is gone as soon as it is stopped.

DuckDB's own limit covers its buffers and not what a function makes: `repeat('x', 2000000000)` took the server past 4
GB. A process is forked from one that has imported all that is needed, in some ten milliseconds.
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

from lakehouse_assets.embedded_aws.athena.results import Found, QueryError, text, trino_type
from lakehouse_assets.embedded_aws.athena.sql import Query, TableName
from lakehouse_assets.embedded_aws.athena.views import DeltaFiles, answer

MEMORY = 2 << 30
RESULT_BYTES = 512 << 20
"""The server keeps a result in its memory until it forgets the query."""
BYTES_OF_A_VALUE = 50
"""What Python takes for a text beside its characters."""
SECONDS_BETWEEN_LOOKS = 0.25
LONGEST_FOLDER = 60
"""In which the socket of multiprocessing's fork server is made, in a folder and with a name of its own."""
EXCEEDED = (
    f"EXCEEDED_MEMORY_LIMIT: the embedded Athena gives a query {MEMORY >> 30} GiB of memory, and this one needs more"
)
OUT_OF_MEMORY = ("Out of Memory Error", "bad_alloc")
"""Of DuckDB, past its own limit and past that of the process."""
TOO_MUCH = (
    f"NOT_SUPPORTED: the result is greater than the {RESULT_BYTES >> 20} MiB that the embedded Athena gives out; ask"
    " for fewer rows or columns"
)

_forked = multiprocessing.get_context("forkserver")
_forked.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Asked:
    """A query, the live files of each of its tables, and the database that it is asked in."""

    query: Query
    tables: dict[TableName, DeltaFiles]
    database: str


def ask(asked: Asked, on_start: Callable[[Callable[[], None]], None], why_stop: Callable[[], str | None]) -> Found:
    """Runs a query. Raises QueryError with the reason if it cannot be run, or when `why_stop`, which is called now and
    then, gives one.

    `on_start` gets a function that ends the query, from whatever thread.
    """
    _shorten_the_sockets_name()
    ours, theirs = _forked.Pipe(duplex=False)
    process = _forked.Process(target=_run, args=(theirs, asked), daemon=True)
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
    answered: Found = found
    return answered


def stop() -> None:
    """Ends the process that queries are forked from, and waits for its end: nothing of the server is left when it
    goes.
    """
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


def _shorten_the_sockets_name() -> None:
    """The name of a socket has 107 bytes at most, and a home may lie deep: it is told from the server's working folder,
    the home, which the server never leaves."""
    if len(os.fsencode(tempfile.gettempdir())) > LONGEST_FOLDER:
        multiprocessing.current_process()._config["tempdir"] = os.path.relpath(tempfile.gettempdir())  # type: ignore[attr-defined]


def _run(told: Connection, asked: Asked) -> None:
    """In the query's process."""
    threading.Thread(target=_go_with_the_server, name="server", daemon=True).start()
    with suppress(ValueError, OSError):
        # Not everywhere: macOS knows no such limit.
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    found: Found | str
    try:
        with answer(asked.query, asked.tables, asked.database) as answered:
            types = answered.types
            found = Found(
                list(answered.columns),
                [trino_type(type_) for type_ in types],
                list(_texts(answered.rows, types)),
                bytes_scanned=0,
            )
    except QueryError as error:
        found = EXCEEDED if any(words in str(error) for words in OUT_OF_MEMORY) else str(error)
    except MemoryError:
        found = EXCEEDED
    except Exception as error:  # noqa: BLE001 - whatever it is, the query has failed of it, and this process says so
        found = str(error)
    told.send(found)


def _texts(rows: Iterator[list[tuple[Any, ...]]], types: tuple[str, ...]) -> Iterator[list[str | None]]:
    size = 0
    for several in rows:
        for row in several:
            texts = [text(value, type_) for value, type_ in zip(row, types, strict=True)]
            size += sum(len(each or "") + BYTES_OF_A_VALUE for each in texts)
            if size > RESULT_BYTES:
                raise QueryError(TOO_MUCH)
            yield texts


def _go_with_the_server() -> None:
    """A server that is killed kills nothing."""
    server = multiprocessing.parent_process()
    assert server is not None
    wait([server.sentinel])
    os._exit(1)
