"""The processes of a server, as its systemd units start them: the commands and the environment are read from there."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from lakehouse_assets import server
from lakehouse_assets_tests.cli.conftest import clean_environment
from lakehouse_assets_tests.server.waiting import until

FILES = Path(server.__path__[0])
ROOT = FILES.parents[1]
HOME, PROGRAMS = "/srv/lakehouse/home", "/srv/lakehouse/checkout/.venv/bin/"
CODE, DAEMON, WEBSERVER = "code", "daemon", "webserver"


def unit(name: str) -> str:
    return (FILES / "systemd" / f"lakehouse-{name}.service").read_text("utf-8")


def command(name: str) -> list[str]:
    """What a unit executes."""
    [line] = [line for line in unit(name).splitlines() if line.startswith("ExecStart=")]
    return shlex.split(line.removeprefix("ExecStart="))


def seconds_to_stop(name: str) -> float:
    [line] = [line for line in unit(name).splitlines() if line.startswith("TimeoutStopSec=")] or ["=90"]
    return float(line.split("=")[1])


def variables() -> dict[str, str]:
    """What the units' environment file sets."""
    lines = (FILES / "systemd" / "lakehouse.env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


class Server:
    """Webserver, daemon and code server of one home."""

    def __init__(self, home: Path, folder: Path, database: str, **settings: str) -> None:
        self.home, self._folder = home, folder
        dagster_home = home / "dagster"
        dagster_home.mkdir(parents=True)
        for name in ("dagster.yaml", "workspace.yaml"):
            (dagster_home / name).symlink_to(FILES / name)
        self.code_port, self.port = (_free_port() for _ in range(2))
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **clean_environment(),
            **{name: value.replace(HOME, str(home)) for name, value in variables().items()},
            "DAGSTER_POSTGRES_URL": database,
            "DAGSTER_GRPC_PORT": str(self.code_port),
            "LAKEHOUSE_UI_URL": self.url,
            "PYTHONPATH": str(ROOT),
            **settings,
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        """Starts these processes of the server, without waiting for anything."""
        for name in names:
            self._running[name] = self._started(name, name)

    def second(self, name: str) -> subprocess.Popen[bytes]:
        """One more of these processes. The caller ends it, with `kill_group`."""
        return self._started(name, f"second_{name}")

    def _started(self, name: str, log_name: str) -> subprocess.Popen[bytes]:
        program, *arguments = command(name)
        arguments = [part.replace(HOME, str(self.home)) for part in arguments]
        if "--port" in arguments:
            arguments[arguments.index("--port") + 1] = str(self.port)
        with self.log(log_name).open("ab") as log:
            return subprocess.Popen(
                [str(Path(sys.executable).parent / program.removeprefix(PROGRAMS)), *arguments],
                cwd=self._folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """SIGKILL to a process and to all that it started, as systemd and Docker end what a killed process leaves."""
        kill_group(self._running.pop(name))

    def end(self, name: str) -> None:
        """SIGTERM to a process, and SIGKILL to what is left after its unit's time to stop."""
        process = self._running[name]
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds_to_stop(name))
        self.kill(name)

    def revive(self) -> list[str]:
        """Starts every process again that has ended by itself, as systemd and Docker do. Returns their names."""
        ended = [name for name, process in self._running.items() if process.poll() is not None]
        for name in ended:
            self.kill(name)
        self.start(*ended)
        return ended

    def stop(self) -> None:
        """Ends everything."""
        for name in list(self._running):
            self.kill(name)

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def call(self, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        """A command of the same installation in the environment of the server."""
        program, *rest = arguments
        return subprocess.run(
            [str(Path(sys.executable).with_name(program)), *rest],
            cwd=self._folder,
            env=self.environment | changed,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def await_code_server(self) -> None:
        """Waits until it listens, which is after it has loaded the definitions."""
        until(self._listens, "the code server listens")

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection((self.environment["DAGSTER_GRPC_HOST"], self.code_port)):
            return True
        return False


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a process and to all of its group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=60)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
