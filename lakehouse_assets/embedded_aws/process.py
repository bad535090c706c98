"""Starts, finds and stops the embedded AWS of one home: the first process that needs it starts the server, all share
it, and it stops with the last.

Five files under `<home>/aws` coordinate this. Three are locks, which the kernel releases when their holder is killed:

- `users.lock`: every user holds it shared. The server takes it exclusively before it stops, so it never stops while
  someone uses it.
- `start.lock`: held while checking for a server and starting one, so that two processes never start two servers.
- `server.lock`: held by the server as long as it lives: whether a server runs.
- `server.json`: the server's address, written once it answers.
- `credentials.json`: the secret that each request is signed with (`credentials`), made by the first server.

The process that started the server keeps only the write end of the server's standard input. When that process ends, in
whatever way, the server reads end-of-file, waits for the other users, writes its state and exits.
"""

import json
import os
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lakehouse_assets.aws.environment import hide
from lakehouse_assets.embedded_aws.credentials import read_credentials
from lakehouse_assets.errors import TemporaryOutage
from lakehouse_assets.locks import SHARED, is_held, is_shared, locked

SECONDS_TO_START = 60.0
SECONDS_TO_STOP = 30.0
SECONDS_BETWEEN_LOOKS = 0.02
SECONDS_BETWEEN_WATCHES = 0.25
LOG_BYTES_KEPT = 2_000_000
PREFIXES_OF_THE_SERVER = ("LAKEHOUSE_", "PYTHON", "LC_", "LD_", "DYLD_")
NAMES_OF_THE_SERVER = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV", "JAVA_HOME"),
        *("NO_PROXY", "no_proxy"),
    )
)
"""The environment variables that the server inherits. ministack reads some hundred variables with names such as
SERVICES, AUTH or LAMBDA_EXECUTOR, which LocalStack reads as well: a user may have set them for that.
"""
_listeners: list[Callable[[str], None]] = []


@dataclass(frozen=True)
class EmbeddedAws:
    """The address and the credentials of an embedded AWS."""

    endpoint: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """The environment variables that point boto3, delta-rs and any AWS SDK at it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ALLOW_HTTP": "true",
        }


@contextmanager
def embedded_aws(home: Path) -> Iterator[EmbeddedAws]:
    """Uses the embedded AWS of this home: the server that runs, or one started here. Hides every variable of this
    process's environment that leads to another AWS, for good (`aws.environment.hide`).

    `home` is created if missing. At the end, a server that was started here is stopped, unless others still use it:
    then it stops with the last of them. Raises TemporaryOutage, naming the log file, if the server does not start.
    """
    hide()
    home = home.resolve()
    folder = home / "aws"
    folder.mkdir(parents=True, exist_ok=True)
    server: subprocess.Popen[bytes] | None = None
    try:
        with locked(folder / "users.lock", SHARED):
            with locked(folder / "start.lock"):
                aws = running(home)
                if aws is None:
                    server, aws = _start(home)
            with _watched(home):
                yield aws
    finally:
        if server is not None:
            _stop(server, home)


@contextmanager
def on_death(listener: Callable[[str], None]) -> Iterator[None]:
    """Calls `listener` with a message for people, in another thread, if the embedded AWS that this process uses dies
    meanwhile. Of several listeners only the last is called.
    """
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def running(home: Path) -> EmbeddedAws | None:
    """The embedded AWS that runs for this home and is ready to answer, or None. Starts and creates nothing."""
    folder = home / "aws"
    if not is_held(folder / "server.lock"):
        return None
    server, credentials = _published(folder), read_credentials(folder)
    if server is None or credentials is None:
        return None
    return EmbeddedAws(
        str(server["endpoint"]), str(server["region"]), credentials.access_key_id, credentials.secret_access_key
    )


def log_file(home: Path) -> Path:
    """The log file of this home's embedded AWS."""
    return home / "logs" / "embedded_aws.log"


def _start(home: Path) -> tuple[subprocess.Popen[bytes], EmbeddedAws]:
    log = log_file(home)
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES_KEPT:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "lakehouse_assets.embedded_aws", str(home / "aws")],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=home,
            env=server_environment(os.environ),
            # A session of its own: Ctrl-C in the terminal reaches only the command, which then stops the server.
            start_new_session=True,
        )
    try:
        return server, _wait_until_ready(server, home)
    except BaseException:
        server.kill()
        server.wait()
        raise


def server_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of this environment that the server inherits, and PYTHONPATH if this package is not installed."""
    inherited = {
        name: value
        for name, value in environment.items()
        if name in NAMES_OF_THE_SERVER or name.startswith(PREFIXES_OF_THE_SERVER)
    }
    package_folder = str(Path(__file__).resolve().parents[2])
    if package_folder not in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        # A checkout that is not installed. The server runs in another folder, so it needs the path of this package.
        inherited["PYTHONPATH"] = os.pathsep.join(filter(None, [inherited.get("PYTHONPATH"), package_folder]))
    return inherited


def _wait_until_ready(server: subprocess.Popen[bytes], home: Path) -> EmbeddedAws:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        aws = running(home)
        if aws is not None:
            return aws
        if server.poll() is not None:
            raise _outage(home, f"did not start (exit code {server.returncode})")
        time.sleep(SECONDS_BETWEEN_LOOKS)
    raise _outage(home, f"was not ready after {SECONDS_TO_START:.0f} seconds")


def _stop(server: subprocess.Popen[bytes], home: Path) -> None:
    """Asks the server to stop and waits until it is gone, unless it stays for other users."""
    assert server.stdin is not None
    server.stdin.close()
    deadline = time.monotonic() + SECONDS_TO_STOP
    while server.poll() is None and not is_shared(home / "aws" / "users.lock"):
        if time.monotonic() > deadline:
            server.kill()
            raise _outage(home, f"did not stop within {SECONDS_TO_STOP:.0f} seconds and was killed")
        time.sleep(SECONDS_BETWEEN_LOOKS / 4)


@contextmanager
def _watched(home: Path) -> Iterator[None]:
    """Watches the server meanwhile and calls the last listener if it dies. AWS clients do not notice: they retry for up
    to two minutes. A healthy server never ends while it has users.
    """
    leaving = threading.Event()

    def watch() -> None:
        while not leaving.wait(SECONDS_BETWEEN_WATCHES):
            if not is_held(home / "aws" / "server.lock"):
                if not leaving.is_set() and _listeners:
                    _listeners[-1](
                        f"The embedded AWS of {home} died, and this command with it. Nothing is lost: run the same"
                        f" command again, and it resumes from here. The log is {log_file(home)}. If it gives no"
                        " reason, the process was killed, perhaps because the machine ran out of memory."
                    )
                return

    watcher = threading.Thread(target=watch, name="embedded-aws-watch", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        leaving.set()
        watcher.join()


def _outage(home: Path, what: str) -> TemporaryOutage:
    log = log_file(home)
    last_lines = log.read_text(errors="replace").splitlines()[-8:]
    return TemporaryOutage(
        f"The embedded AWS {what}. Run the command again. If that does not help, see {log}, which ends with:\n"
        + "\n".join(last_lines)
    )


def _published(folder: Path) -> dict[str, object] | None:
    try:
        published: dict[str, object] = json.loads((folder / "server.json").read_text())
    except FileNotFoundError:
        return None
    return published
