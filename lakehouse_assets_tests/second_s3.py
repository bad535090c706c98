"""An S3 whose authors know nothing of our embedded AWS: moto's server, for as long as a block lasts.

Tests marked `every_s3` run on it, too (`conftest.py`). Its Glue catalog is moto's as well.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakehouse_assets.aws.environment import hide
from lakehouse_assets.batches.lakehouse import Lakehouse
from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets.errors import TemporaryOutage

HOST = "127.0.0.1"
SECONDS_TO_START = 60.0
RUNNING = re.compile(rf"Running on (http://{re.escape(HOST)}:\d+)")


@contextmanager
def moto_server(log: Path) -> Iterator[EmbeddedAws]:
    """Starts moto on a port that the system gives it; stops it at the end, also at that of this process.

    Raises TemporaryOutage, with what it wrote to `log`, where it does not start.
    """
    hide()
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "lakehouse_assets.local.with_parent", "moto.server", "-H", HOST, "-p", "0"],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield EmbeddedAws(_endpoint(server, log), "us-east-1", "second", "second")
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait()


def _endpoint(server: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        if found := RUNNING.search(log.read_text(errors="replace")):
            return found[1]
        time.sleep(0.05)
    raise TemporaryOutage(f"moto's server did not start. It wrote:\n{log.read_text(errors='replace')}")


def make_bucket(house: Lakehouse, *, versions: bool) -> None:
    """The bucket and the database of a lakehouse, without a storage stack."""
    s3, bucket = house.aws.client("s3"), house.settings.bucket
    s3.create_bucket(Bucket=bucket)
    if versions:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    house.aws.client("glue").create_database(DatabaseInput={"Name": house.settings.database})
