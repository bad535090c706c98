"""Runs the embedded AWS: `python -m lakehouse_assets.embedded_aws FOLDER`, with its data in FOLDER.

It listens on a free port of 127.0.0.1 and writes its address to `FOLDER/server.json`. It writes its state and exits
when its standard input ends and no other process uses it any more, or on SIGTERM.
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
SECONDS_TO_LOCK = 5.0
SHARE_OF_A_WAIT = "0.05"
"""The share of its waits and of its pauses between retries that a state machine takes here. The jobs and queries that
it waits for are small on this machine, and a person is watching.
"""


def main() -> None:
    """Locks the folder, takes a port, prepares the environment, and serves until the last user is gone."""
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    lock = _locked(folder)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Bound first: the kernel picks a free port, and no other process can take it afterwards.
    listener.bind(("127.0.0.1", 0))
    listener.listen(512)
    credentials = keep_credentials(folder)
    endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    aws = EmbeddedAws(endpoint, REGION, credentials.access_key_id, credentials.secret_access_key)
    _prepare_environment(folder, aws)

    if problem := damaged_state.complaint(folder / "state"):
        sys.exit(problem)
    finish_or_undo(folder / "s3")
    # ministack reads its environment and the objects when it is imported.
    if problem := patching.complaint():
        sys.exit(problem)
    from lakehouse_assets.embedded_aws.athena import process as athena_process
    from lakehouse_assets.embedded_aws.server import serve

    published = folder / "server.json"
    serve(listener, folder / "users.lock", credentials, announce=lambda: _publish(published, aws))
    athena_process.stop()
    published.unlink(missing_ok=True)
    lock.close()


def _locked(folder: Path) -> IO[bytes]:
    """Takes the lock that says that this folder has a server. Tries for some seconds, because a process that checks
    whether the lock is held takes it for a moment. Exits if another server holds it.
    """
    lock = (folder / "server.lock").open("ab")
    deadline = time.monotonic() + SECONDS_TO_LOCK
    while not take_if_free(lock):
        if time.monotonic() > deadline:
            sys.exit(f"Another embedded AWS runs in {folder}.")
        time.sleep(0.01)
    # Left by a server that was killed.
    (folder / "server.json").unlink(missing_ok=True)
    return lock


def _prepare_environment(folder: Path, aws: EmbeddedAws) -> None:
    # Neither this process, nor a Lambda or Glue job that it starts, may reach a real account of the user.
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
            # These services would listen on fixed ports.
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
