"""Runs the embedded AWS: `python -m lakehouse_assets.embedded_aws FOLDER`, with its data in FOLDER.

It answers on a free port of 127.0.0.1, says in `FOLDER/server.json` where, and ends in order (its state written) when
its standard input ends and no other process uses it any more, or on SIGTERM.
"""

import json
import os
import shutil
import socket
import sys
import time
from pathlib import Path
from typing import IO

from lakehouse_assets.aws.environment import hide
from lakehouse_assets.embedded_aws import patching
from lakehouse_assets.embedded_aws.credentials import keep_credentials
from lakehouse_assets.embedded_aws.process import EmbeddedAws
from lakehouse_assets.embedded_aws.s3.unfinished_writes import finish_or_undo
from lakehouse_assets.embedded_aws.state import damaged_state
from lakehouse_assets.locks import take_if_free

REGION = "us-east-1"
SECONDS_TO_CLAIM = 5.0
SHARE_OF_A_WAIT = "0.05"
"""Of the seconds that a state machine waits, or pauses before it tries again: what it waits for is done sooner here,
and so is the person who looks.
"""


def main() -> None:
    """Claims the folder, takes a port, prepares the environment and serves until it is time to stop."""
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    claim = _claimed(folder)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Bound before anything else: the kernel picks a free port, and no one can take it in between.
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    credentials = keep_credentials(folder)
    endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    aws = EmbeddedAws(endpoint, REGION, credentials.access_key_id, credentials.secret_access_key)
    _prepare_environment(folder, aws)

    if problem := damaged_state.complaint(folder / "state"):
        sys.exit(problem)
    finish_or_undo(folder / "s3")
    # ministack reads its environment, and the objects, when it is imported.
    if problem := patching.complaint():
        sys.exit(problem)
    from lakehouse_assets.embedded_aws.athena import process as athena_process
    from lakehouse_assets.embedded_aws.server import serve

    published = folder / "server.json"
    serve(listener, folder / "users.lock", credentials, announce=lambda: _publish(published, aws))
    athena_process.stop()
    published.unlink(missing_ok=True)
    claim.close()


def _claimed(folder: Path) -> IO[bytes]:
    """The lock that says that this folder has a server. Someone who looks whether it is held may hold it for a
    moment.
    """
    lock = (folder / "server.lock").open("ab")
    deadline = time.monotonic() + SECONDS_TO_CLAIM
    while not take_if_free(lock):
        if time.monotonic() > deadline:
            sys.exit(f"another embedded AWS runs in {folder}")
        time.sleep(0.01)
    # What a server that was killed left behind.
    (folder / "server.json").unlink(missing_ok=True)
    return lock


def _prepare_environment(folder: Path, aws: EmbeddedAws) -> None:
    # Someone's real account: neither this process nor a Lambda or a Glue job that it starts may reach it.
    hide()
    os.environ.update(aws.environment())
    scratch = folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    for part in (scratch, folder / "s3", folder / "state"):
        part.mkdir(exist_ok=True)
    os.environ.update(
        {
            "GATEWAY_PORT": aws.endpoint.rsplit(":", 1)[1],
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": aws.region,
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(folder / "s3"),
            "PERSIST_STATE": "1",
            "STATE_DIR": str(folder / "state"),
            "TMPDIR": str(scratch),
            "SFN_WAIT_SCALE": SHARE_OF_A_WAIT,
            # These two listen on fixed ports.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }
    )


def _publish(file: Path, aws: EmbeddedAws) -> None:
    unfinished = file.with_suffix(".tmp")
    unfinished.write_text(json.dumps({"endpoint": aws.endpoint, "region": aws.region, "pid": os.getpid()}))
    unfinished.replace(file)


if __name__ == "__main__":
    main()
