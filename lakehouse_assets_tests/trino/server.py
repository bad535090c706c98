"""A Trino server on this machine for as long as a block lasts, whose one catalog is the Glue catalog of an embedded
AWS.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lakehouse_assets.errors import BadConfiguration, TemporaryOutage
from lakehouse_assets_tests.trino.installation import installed_server, java

HOST = "127.0.0.1"
CATALOG = "awsdatacatalog"
SECONDS_TO_START = 240.0
LOG_LINES_TOLD = 8
STARTED = "SERVER STARTED"
PORT_TAKEN = "Address already in use"
JAVA_OPTIONS = (
    "-Xmx2G",
    "-XX:+UseSerialGC",
    # What runs for minutes gains nothing from the second compiler.
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djdk.attach.allowAttachSelf=true",
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)


@dataclass(frozen=True)
class Server:
    """Where Trino answers, and what it wrote."""

    port: int
    log: Path


@contextmanager
def trino_server(
    folder: Path, aws: Mapping[str, str], *, port: int | None = None, java_options: tuple[str, ...] = JAVA_OPTIONS
) -> Iterator[Server]:
    """Starts a server that keeps its files in `folder` and asks the AWS of these environment variables; stops it at the
    end, also at that of this process.

    Raises BadConfiguration where it or its Java is not installed or the port is taken, TemporaryOutage, with the end of
    its log, where it does not start.
    """
    home, executable = installed_server(), java()
    server = Server(port or _free_port(), folder / "server.log")
    _configure(folder, server.port, aws)
    told = {
        "node.environment": "test",
        "node.id": "witness",
        "node.bind-ip": HOST,
        "node.internal-address": HOST,
        "node.data-dir": folder / "data",
        "config": folder / "config.properties",
        "catalog.config-dir": folder / "catalog",
        "plugin.dir": home / "plugin",
    }
    options = [*java_options, *(f"-D{name}={value}" for name, value in told.items()), "-cp", f"{home}/lib/*"]
    with server.log.open("wb") as log:
        keeper = subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).with_name("keeper.py")),
                str(executable),
                *options,
                "io.trino.server.TrinoServer",
            ],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
    try:
        _wait_until_started(keeper, server)
        yield server
    finally:
        assert keeper.stdin is not None
        keeper.stdin.close()
        keeper.wait()


def _configure(folder: Path, port: int, aws: Mapping[str, str]) -> None:
    coordinator = {
        "coordinator": "true",
        "node-scheduler.include-coordinator": "true",
        "http-server.http.port": port,
        "discovery.uri": f"http://{HOST}:{port}",
        "query.max-memory": "1GB",
    }
    endpoint, key, secret, region = (
        aws[f"AWS_{name}"] for name in ("ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "REGION")
    )
    catalog = {
        "connector.name": "delta_lake",
        "hive.metastore": "glue",
        **{f"hive.metastore.glue.{name}": value for name, value in _glue(endpoint, region, key, secret).items()},
        "fs.native-s3.enabled": "true",
        "s3.endpoint": endpoint,
        "s3.region": region,
        "s3.path-style-access": "true",
        "s3.aws-access-key": key,
        "s3.aws-secret-key": secret,
        # Each query sees the tables as they are, as Athena's does.
        "delta.metadata.cache-ttl": "0s",
    }
    (folder / "catalog").mkdir(parents=True, exist_ok=True)
    _write(folder / "config.properties", coordinator)
    _write(folder / "catalog" / f"{CATALOG}.properties", catalog)


def _glue(endpoint: str, region: str, key: str, secret: str) -> dict[str, str]:
    return {"endpoint-url": endpoint, "region": region, "aws-access-key": key, "aws-secret-key": secret}


def _write(path: Path, properties: Mapping[str, object]) -> None:
    path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])


def _wait_until_started(keeper: subprocess.Popen[bytes], server: Server) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        said = server.log.read_text(errors="replace")
        if STARTED in said:
            return
        if keeper.poll() is not None:
            if PORT_TAKEN in said:
                raise BadConfiguration(
                    f"Trino's server did not start: something else listens on port {server.port} of {HOST}. Stop it, or"
                    " name another port."
                )
            raise TemporaryOutage(
                f"Trino's server did not start (exit code {keeper.returncode}). Try again; {_end_of(server.log)}"
            )
        time.sleep(0.1)
    raise TemporaryOutage(
        f"Trino's server was not ready after {SECONDS_TO_START:.0f} seconds. Try again when less else runs;"
        f" {_end_of(server.log)}"
    )


def _end_of(log: Path) -> str:
    last = log.read_text(errors="replace").splitlines()[-LOG_LINES_TOLD:]
    return f"if it stays so, see {log}, which ends with:\n" + "\n".join(last)
