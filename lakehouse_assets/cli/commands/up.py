"""`lakehouse up` and `down`: run the embedded AWS and Dagster's UI and daemon in the foreground until they are stopped;
then no process stays.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.exit_codes import ExitCode
from lakehouse_assets.cli.home import absolute, read_home
from lakehouse_assets.cli.terminal.errors import print_error
from lakehouse_assets.connect import connected
from lakehouse_assets.embedded_aws.process import on_death
from lakehouse_assets.errors import BadConfiguration, LakehouseError, TemporaryOutage
from lakehouse_assets.local.dagster_home import dagster_home, workspace
from lakehouse_assets.locks import is_held, take_if_free
from lakehouse_assets.settings import read_settings

USUAL_PORT = 3000
SECONDS_TO_STOP, SECONDS_BETWEEN_POLLS, SECONDS_BETWEEN_REPORTS = 30.0, 0.1, 15.0


def up(
    port: Annotated[
        int | None,
        typer.Option(help="The UI's port; by default 3000, or a free port if 3000 is taken.", show_default=False),
    ] = None,
) -> None:
    """Run Dagster (UI and daemon) and the embedded AWS until Ctrl-C.

    Meanwhile the other commands of this home use them, and uploaded files (lakehouse put) are loaded automatically.
    From another terminal, lakehouse down stops them.
    """
    from lakehouse_assets.cli.runs import end_dead_runs  # noqa: PLC0415 - see there

    settings = read_home()
    home = settings.home
    with ExitStack() as stack:
        stack.enter_context(_ended_with_the_embedded_aws())
        if not stack.enter_context(_claimed(home)):
            typer.echo(f"Already running: {running_url(home) or 'starting'} (lakehouse down stops it)")
            return
        port = _required(port) if port else _free_port()
        typer.echo("Starting (a few seconds) ...")
        lakehouse = stack.enter_context(connected(settings))
        if settings.orchestrator == "state_machine" and settings.aws == "embedded":
            typer.echo("Deploying the state machine (half a minute the first time) ...")
            _deploy(lakehouse)
        end_dead_runs(home)
        url = f"http://127.0.0.1:{port}"
        dagster = stack.enter_context(_dagster(home, url, settings.ui_url or url))
        _wait_for(url, dagster, home)
        _note(home).write_text(json.dumps({"pid": os.getpid(), "url": url}), "utf-8")
        typer.echo(f"Dagster's UI:  {url}")
        if endpoint := lakehouse.aws.environment.get("AWS_ENDPOINT_URL"):
            typer.echo(f"Embedded AWS:  {endpoint}  (lakehouse env prints how other programs connect)")
        typer.echo(f"Home:          {home}")
        typer.echo("Commands for this home use it now. Ctrl-C stops everything.")
        try:
            code = dagster.wait()
        except KeyboardInterrupt:
            typer.echo("Stopping ...")
            return
        raise TemporaryOutage(f"Dagster ended by itself (exit code {code}). {_end_of_log(home)}")


@contextmanager
def _ended_with_the_embedded_aws() -> Iterator[None]:
    """If the embedded AWS dies, ends this command as SIGTERM does, with exit code FAILED."""
    reasons: list[str] = []

    def stop(reason: str) -> None:
        reasons.append(reason)
        print_error(reason)
        os.kill(os.getpid(), signal.SIGTERM)

    with on_death(stop):
        try:
            yield
        except KeyboardInterrupt:
            if not reasons:
                raise
    if reasons:
        raise typer.Exit(ExitCode.FAILED)


def _deploy(lakehouse: Lakehouse) -> None:
    try:
        from aws_deploy.embedded import deploy  # noqa: PLC0415 - aws_deploy is not in the wheel
    except ModuleNotFoundError as error:
        raise BadConfiguration(
            "LAKEHOUSE_ORCHESTRATOR=state_machine: the state machine is deployed from the project's source tree only,"
            " and this is an installed package. Run this in a checkout, after `make setup`, or unset the variable."
        ) from error

    machine = deploy(lakehouse.settings, lakehouse.aws)["StateMachineArn"]
    typer.echo(f"State machine: {machine}")


def down() -> None:
    """Stop what lakehouse up runs for this home.

    Waits until every process has ended.
    """
    home = absolute(read_settings().home)
    lock = _lock(home)
    if not is_held(lock):
        typer.echo(f"Nothing is running for {home}.")
        return
    typer.echo("Stopping (a few seconds) ...")
    # The lock file is held, and names its holder: the id cannot belong to another, later process.
    os.kill(int(lock.read_text("utf-8")), signal.SIGTERM)
    deadline = time.monotonic() + 2 * SECONDS_TO_STOP
    while is_held(lock):
        if time.monotonic() > deadline:
            raise LakehouseError(
                f"Process {lock.read_text('utf-8')}, which runs Dagster for {home}, does not stop. See {_log(home)}."
            )
        time.sleep(SECONDS_BETWEEN_POLLS)
    typer.echo(f"Stopped everything that ran for {home}.")


def running_url(home: Path) -> str | None:
    """The URL of this home's UI; None if it is not running."""
    if not is_held(_lock(home)):
        return None
    try:
        return str(json.loads(_note(home).read_text("utf-8"))["url"])
    except FileNotFoundError:
        return None


@contextmanager
def _claimed(home: Path) -> Iterator[bool]:
    """Claims this home for this process's Dagster. Yields False if another process has claimed it."""
    with _lock(home).open("a+", encoding="utf-8") as file:
        if not take_if_free(file):
            yield False
            return
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield True
        finally:
            _note(home).unlink(missing_ok=True)


@contextmanager
def _dagster(home: Path, url: str, public_url: str) -> Iterator[subprocess.Popen[bytes]]:
    arguments = ["-w", str(workspace(home)), "-h", "127.0.0.1", "-p", url.rsplit(":", 1)[1]]
    _log(home).parent.mkdir(parents=True, exist_ok=True)
    with _log(home).open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "lakehouse_assets.local.with_parent",
                "lakehouse_assets.local.webserver",
                *arguments,
            ],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=home,
            env={
                **os.environ,
                "DAGSTER_HOME": str(dagster_home(home)),
                "LAKEHOUSE_UI_URL": public_url,
                "PYTHONUNBUFFERED": "1",
            },
            # A process group of its own: Ctrl-C reaches this process only, which then stops Dagster in order.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        _wait_for_the_end(process)


def _wait_for_the_end(dagster: subprocess.Popen[bytes]) -> None:
    """Waits for Dagster and all processes of its group: it does not wait for its own code server."""
    deadline = time.monotonic() + SECONDS_TO_STOP
    while dagster.poll() is None or _has_members(dagster.pid):
        if time.monotonic() > deadline:
            os.killpg(dagster.pid, signal.SIGKILL)
            dagster.wait()
            return
        time.sleep(SECONDS_BETWEEN_POLLS)


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_for(url: str, dagster: subprocess.Popen[bytes], home: Path) -> None:
    """Waits for the UI as long as Dagster's process lives, because slow machines take long to import it. Reports
    progress every SECONDS_BETWEEN_REPORTS."""
    without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    begun = reported = time.monotonic()
    while dagster.poll() is None:
        try:
            with without_proxy.open(f"{url}/server_info", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(SECONDS_BETWEEN_POLLS)
        if time.monotonic() - reported >= SECONDS_BETWEEN_REPORTS:
            reported = time.monotonic()
            last = ([line for line in _last_lines(home) if line.strip()] or ["nothing yet"])[-1]
            typer.echo(
                f"Waiting for Dagster's UI for {reported - begun:.0f} seconds; Ctrl-C stops. Last line of {_log(home)}:"
                f" {last}"
            )
    raise TemporaryOutage(f"Dagster did not start (exit code {dagster.returncode}). {_end_of_log(home)}")


def _required(port: int) -> int:
    """The port, if no other program listens on it: that program would be mistaken for Dagster's UI."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return port
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise BadConfiguration(
            f"The UI cannot use port {port} of 127.0.0.1: {reason}. Stop the program that listens there, give another"
            " --port, or omit --port to use a free one. Nothing was started."
        ) from error


def _free_port() -> int:
    for wanted in (USUAL_PORT, 0):
        try:
            with socket.create_server(("127.0.0.1", wanted)) as server:
                return int(server.getsockname()[1])
        except OSError:
            continue
    raise TemporaryOutage("No port of 127.0.0.1 can be opened. Run lakehouse doctor.")


def _lock(home: Path) -> Path:
    return home / "up.lock"


def _note(home: Path) -> Path:
    return home / "up.json"


def _log(home: Path) -> Path:
    return home / "logs" / "dagster.log"


def _end_of_log(home: Path) -> str:
    return f"See {_log(home)}, which ends with:\n" + "\n".join(_last_lines(home))


def _last_lines(home: Path) -> list[str]:
    return Text.from_ansi(_log(home).read_text("utf-8", "replace")).plain.splitlines()[-8:]
