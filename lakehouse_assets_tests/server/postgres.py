"""A PostgreSQL server of the machine's own packages, with an empty database, for as long as a block lasts."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lakehouse_assets_tests.server.waiting import until

DATABASE, USER = "dagster", "dagster"
OTHERS = ("postgres", "nobody")
"""PostgreSQL refuses to run as root."""


@cache
def program(name: str) -> str | None:
    """The path of one of PostgreSQL's programs. Debian puts those of the server into a folder that is not in PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return str(debian[-1]) if debian else shutil.which(name)


def missing() -> str | None:
    """Why the tests with PostgreSQL cannot run; None if they can."""
    if find_spec("dagster_postgres") is None:
        return "dagster-postgres is not installed (the extra `server`; `make .venv/installed-dev` installs it)"
    absent = [name for name in ("initdb", "postgres", "pg_dump", "pg_restore", "psql") if program(name) is None]
    return f"PostgreSQL is not installed (on Debian: apt-get install postgresql): no {absent[0]}" if absent else None


class Postgres:
    """A server on a port of 127.0.0.1, which can be stopped, killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._data = folder, folder / "data"
        self._user: dict[str, Any] = {"user": _unprivileged(), "extra_groups": []} if os.getuid() == 0 else {}
        self._server: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.url = f"postgresql://{USER}@127.0.0.1:{self.port}/{DATABASE}"
        if self._user:
            shutil.chown(folder, self._user["user"])
        self._run("initdb", "--pgdata", self._data, "--username", USER, "--auth", "trust", "--no-sync")
        self.start()
        self._run("psql", "--quiet", "--command", f"CREATE DATABASE {DATABASE}", self.url_of("postgres"))

    @property
    def sqlalchemy_url(self) -> str:
        return self.url.replace("postgresql://", "postgresql+psycopg2://")

    def url_of(self, database: str) -> str:
        return self.url.removesuffix(DATABASE) + database

    def start(self) -> None:
        """Starts the server, and waits until it answers."""
        options = (f"port={self.port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self._folder}")
        with (self._folder / "postgres.log").open("ab") as log:
            self._server = subprocess.Popen(
                [program("postgres") or "", "-D", self._data, *(part for one in options for part in ("-c", one))],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                **self._user,
            )
        until(lambda: self.answers("postgres"), "PostgreSQL answers")

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Ends the server. SIGINT: at once, but in order; SIGKILL: as a machine that crashes."""
        if self._server is not None:
            self._server.send_signal(number)
            self._server.wait(timeout=60)
            self._server = None

    def answers(self, database: str) -> bool:
        asked = [program("psql") or "", "--command", "SELECT 1", self.url_of(database)]
        return subprocess.run(asked, capture_output=True, check=False, timeout=60).returncode == 0

    def ask(self, query: str, database: str = DATABASE) -> str:
        """The answer of `psql`, without headings."""
        return self._run("psql", "--no-align", "--tuples-only", "--command", query, self.url_of(database)).strip()

    def dump(self) -> bytes:
        """A backup of Dagster's database."""
        asked = [program("pg_dump") or "", "--format", "custom", "--dbname", self.url]
        return subprocess.run(asked, capture_output=True, check=True, timeout=120).stdout

    def restore(self, dump: bytes, database: str) -> None:
        options = ("--clean", "--if-exists", "--single-transaction", "--dbname", self.url_of(database))
        subprocess.run([program("pg_restore") or "", *options], input=dump, check=True, timeout=120)

    def _run(self, name: str, *arguments: str | Path) -> str:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [program(name) or "", *arguments],
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            **self._user,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def _unprivileged() -> str:
    users = {line.split(":")[0] for line in Path("/etc/passwd").read_text("utf-8").splitlines()}
    return next(name for name in OTHERS if name in users)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Outside pytest's folders, which only their owner may enter."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        server = Postgres(Path(folder))
        try:
            yield server
        finally:
            server.stop()
