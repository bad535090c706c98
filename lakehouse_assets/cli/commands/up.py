"""`lakehouse up` and `down`: the embedded AWS and Dagster's UI and daemon, in the foreground, until someone stops them;
then nothing stays.
"""

from __future__ import annotations

import json
import os
import re
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

from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.cli.home import absolute, read_home
from lakehouse_assets.cli.terminal.errors import FAILED, tell
from lakehouse_assets.connect import connected
from lakehouse_assets.embedded_aws.process import end_told
from lakehouse_assets.errors import BadConfiguration, LakehouseError, TemporaryOutage
from lakehouse_assets.local.dagster_home import dagster_home, workspace
from lakehouse_assets.locks import is_held, take_if_free
from lakehouse_assets.settings import read_settings

USUAL_PORT = 3000
SECONDS_TO_STOP, SECONDS_BETWEEN_LOOKS, SECONDS_BETWEEN_WORDS = 30.0, 0.1, 15.0
COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
"""And all else that a program tells a terminal in between."""


def up(
    port: Annotated[
        int | None,
        typer.Option(help="The UI's port; otherwise 3000, or a free one if that is taken.", show_default=False),
    ] = None,
) -> None:
    """Run Dagster (UI and daemon) and the embedded AWS until Ctrl-C."""
    from lakehouse_assets.cli.runs import end_dead_runs  # noqa: PLC0415 - see there

    settings = read_home()
    home = settings.home
    with ExitStack() as stack:
        stack.enter_context(_ended_with_the_embedded_aws())
        if not stack.enter_context(_claimed(home)):
            typer.echo(f"It runs already: {running_url(home) or 'starting'} (lakehouse down stops it)")
            return
        port = _own(port) if port else _free_port()
        typer.echo("Starting (a few seconds) ...")
        lakehouse = stack.enter_context(connected(settings))
        if settings.orchestrator == "state_machine" and settings.aws == "embedded":
            typer.echo("Deploying the state machine (the first time half a minute) ...")
            _deploy(lakehouse)
        end_dead_runs(home)
        url = f"http://127.0.0.1:{port}"
        dagster = stack.enter_context(_dagster(home, url, settings.ui_url or url))
        _wait_for(url, dagster, home)
        _note(home).write_text(json.dumps({"pid": os.getpid(), "url": url}), "utf-8")
        typer.echo(f"Dagster's UI:  {url}")
        if endpoint := lakehouse.aws.environment.get("AWS_ENDPOINT_URL"):
            typer.echo(f"Embedded AWS:  {endpoint}  (lakehouse env prints how other programs reach it)")
        typer.echo(f"Home:          {home}")
        typer.echo("Commands for this home use it now. Ctrl-C stops it all.")
        try:
            code = dagster.wait()
        except KeyboardInterrupt:
            typer.echo("Stopping ...")
            return
        raise TemporaryOutage(f"Dagster ended by itself (exit code {code}). {_end_of_log(home)}")


@contextmanager
def _ended_with_the_embedded_aws() -> Iterator[None]:
    """Where that dies, Dagster is stopped in order, and whatever else runs here."""
    reasons: list[str] = []

    def stop(reason: str) -> None:
        reasons.append(reason)
        tell(reason)
        os.kill(os.getpid(), signal.SIGTERM)

    with end_told(stop):
        try:
            yield
        except KeyboardInterrupt:
            if not reasons:
                raise
    if reasons:
        raise typer.Exit(FAILED)


def _deploy(lakehouse: Lakehouse) -> None:
    try:
        from aws_deploy.embedded import deploy  # noqa: PLC0415 - aws_deploy is not in the wheel
    except ModuleNotFoundError as error:
        raise BadConfiguration(
            "The state machine is deployed from the project's source tree only: run this in a checkout, after"
            " `make setup`."
        ) from error

    machine = deploy(lakehouse.settings, lakehouse.aws)["StateMachineArn"]
    typer.echo(f"State machine: {machine}")


def down() -> None:
    """Stop what lakehouse up runs for this home."""
    home = absolute(read_settings().home)
    lock = _lock(home)
    if not is_held(lock):
        typer.echo(f"Nothing runs for {home}.")
        return
    typer.echo("Stopping (some seconds) ...")
    # The lock's holder wrote its id into the lock file, so no process that merely got the same id later can be meant.
    os.kill(int(lock.read_text("utf-8")), signal.SIGTERM)
    deadline = time.monotonic() + 2 * SECONDS_TO_STOP
    while is_held(lock):
        if time.monotonic() > deadline:
            raise LakehouseError(
                f"What runs for {home} (process {lock.read_text('utf-8')}) does not stop. Look at {_log(home)}."
            )
        time.sleep(SECONDS_BETWEEN_LOOKS)
    typer.echo(f"Stopped what ran for {home}.")


def running_url(home: Path) -> str | None:
    """Where the UI of this home answers, if it runs."""
    if not is_held(_lock(home)):
        return None
    try:
        return str(json.loads(_note(home).read_text("utf-8"))["url"])
    except FileNotFoundError:
        return None


@contextmanager
def _claimed(home: Path) -> Iterator[bool]:
    """Whether this process is now the one that runs this home's Dagster."""
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
def _dagster(home: Path, url: str, told_url: str) -> Iterator[subprocess.Popen[bytes]]:
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
                "LAKEHOUSE_UI_URL": told_url,
                "PYTHONUNBUFFERED": "1",
            },
            # A group of its own: Ctrl-C reaches this process alone, which then stops the other in order.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        _wait_for_the_end(process)


def _wait_for_the_end(dagster: subprocess.Popen[bytes]) -> None:
    """Of Dagster and all that it started: it does not wait for its code server, which is a process of the same
    group.
    """
    deadline = time.monotonic() + SECONDS_TO_STOP
    while dagster.poll() is None or _has_members(dagster.pid):
        if time.monotonic() > deadline:
            os.killpg(dagster.pid, signal.SIGKILL)
            dagster.wait()
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_for(url: str, dagster: subprocess.Popen[bytes], home: Path) -> None:
    """As long as Dagster lives: how long it takes to import all that it needs is the machine's to say. Whoever waits
    hears now and then for what."""
    without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    begun = told = time.monotonic()
    while dagster.poll() is None:
        try:
            with without_proxy.open(f"{url}/server_info", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(SECONDS_BETWEEN_LOOKS)
        if time.monotonic() - told >= SECONDS_BETWEEN_WORDS:
            told = time.monotonic()
            last = ([line for line in _last_lines(home) if line.strip()] or ["nothing yet"])[-1]
            typer.echo(
                f"Waiting for Dagster's UI for {told - begun:.0f} seconds; Ctrl-C gives up. The last it said"
                f" ({_log(home)}): {last}"
            )
    raise TemporaryOutage(f"Dagster did not start (exit code {dagster.returncode}). {_end_of_log(home)}")


def _own(port: int) -> int:
    """A port that nobody else has: else whoever has it would be taken for Dagster's UI."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return port
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise BadConfiguration(
            f"The UI cannot have port {port} of 127.0.0.1: {reason}. Stop what listens there, give another --port, or "
            "leave --port away: then a free one is taken. Nothing was started."
        ) from error


def _free_port() -> int:
    for wanted in (USUAL_PORT, 0):
        try:
            with socket.create_server(("127.0.0.1", wanted)) as server:
                return int(server.getsockname()[1])
        except OSError:
            continue
    raise TemporaryOutage("No port of 127.0.0.1 can be opened. lakehouse doctor says more.")


def _lock(home: Path) -> Path:
    return home / "up.lock"


def _note(home: Path) -> Path:
    return home / "up.json"


def _log(home: Path) -> Path:
    return home / "logs" / "dagster.log"


def _end_of_log(home: Path) -> str:
    return f"See {_log(home)}, which ends with:\n" + "\n".join(_last_lines(home))


def _last_lines(home: Path) -> list[str]:
    return COLOURS.sub("", _log(home).read_text("utf-8", "replace")).splitlines()[-8:]
