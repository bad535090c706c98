"""The life of the embedded AWS of one home: the first command that needs it starts it, all share it, it goes with the
last.

Five files under `<home>/aws` settle who may do what, and the kernel keeps them true even when a process is killed:

- `users.lock`: every user holds it shared. The server takes it exclusively before it stops, so it never stops under a
  user.
- `start.lock`: held while looking whether a server runs and starting one, so that two processes never start two.
- `server.lock`: held by the server for as long as it lives: the truth about "does it run".
- `server.json`: where the server answers, written by it once it does.
- `credentials.json`: the secret that each request is signed with (`credentials`), made by the first server.

The starter keeps the write end of the server's standard input and nothing else. When it ends, in whatever way, the
server reads the end of the file, waits for the other users, writes its state and goes.
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
    """Where an embedded AWS answers, and to whom."""

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
    """Uses the embedded AWS that runs for this home, or starts one and stops it at the end. From here on nothing in
    this process's environment leads elsewhere.

    `home` is created if need be. Where others still use the server at the end, it is left to them and stops after the
    last. Raises TemporaryOutage, naming the log file, if the server does not start.
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
    """Whoever uses an embedded AWS meanwhile has `listener` called with the reason, in another thread, as soon as it
    died. Of several the last one is."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def running(home: Path) -> EmbeddedAws | None:
    """The embedded AWS that runs for this home, if one does and is ready to answer. Starts nothing and creates
    nothing.
    """
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
    """Where the embedded AWS of this home writes what it has to say."""
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
            # Its own session: Ctrl-C in the terminal reaches the command, which then stops its server in order.
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
    """Lets the server go and waits until it is gone; not if it stays for others."""
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
    """Its clients do not notice that the embedded AWS is gone: each tries again, for up to two minutes. A server that
    is well does not end under its users."""
    leaving = threading.Event()

    def watch() -> None:
        while not leaving.wait(SECONDS_BETWEEN_WATCHES):
            if not is_held(home / "aws" / "server.lock"):
                if not leaving.is_set() and _listeners:
                    _listeners[-1](
                        f"The embedded AWS of {home} died, and with it what was under way. Nothing is lost: run the"
                        f" same command again, and it goes on from here. Its log is {log_file(home)}; where that does"
                        " not say why, the process was killed, perhaps for want of memory."
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
        f"The embedded AWS {what}. Run the command again; if it stays so, see {log}, which ends with:\n"
        + "\n".join(last_lines)
    )


def _published(folder: Path) -> dict[str, object] | None:
    try:
        published: dict[str, object] = json.loads((folder / "server.json").read_text())
    except FileNotFoundError:
        return None
    return published
