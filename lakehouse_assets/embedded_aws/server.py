"""The HTTP server of the embedded AWS: ministack with its gaps filled, from the first request to the last save."""

import asyncio
import resource
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import ministack.app  # type: ignore[import-untyped]
import uvloop
from hypercorn.asyncio import serve as serve_http
from hypercorn.config import Config

from lakehouse_assets.embedded_aws import signatures
from lakehouse_assets.embedded_aws.athena import named_queries
from lakehouse_assets.embedded_aws.athena import queries as athena_queries
from lakehouse_assets.embedded_aws.browsers import HEALTH, refusal
from lakehouse_assets.embedded_aws.credentials import Credentials
from lakehouse_assets.embedded_aws.glue import crawlers
from lakehouse_assets.embedded_aws.glue import jobs as glue_jobs
from lakehouse_assets.embedded_aws.s3 import expiry as s3_expiry
from lakehouse_assets.embedded_aws.s3 import limits as s3_limits
from lakehouse_assets.embedded_aws.s3 import listings as s3_listings
from lakehouse_assets.embedded_aws.s3 import objects as s3_objects
from lakehouse_assets.embedded_aws.s3 import writes as s3_writes
from lakehouse_assets.embedded_aws.state import interrupted, saved_state
from lakehouse_assets.embedded_aws.step_functions import integrations as step_functions
from lakehouse_assets.embedded_aws.step_functions import lambda_errors, redrive, state_data
from lakehouse_assets.locks import locked

OPEN_FILES = 10_000
GAPS = (
    s3_objects,
    s3_writes,
    s3_limits,
    s3_listings,
    glue_jobs,
    crawlers,
    athena_queries,
    named_queries,
    signatures,
    lambda_errors,
    step_functions,
    state_data,
    redrive,
    interrupted,
    saved_state,
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def serve(listener: socket.socket, users_lock: Path, credentials: Credentials, announce: Callable[[], None]) -> None:
    """Answers requests on the listening socket that are signed with these credentials. Returns when standard input has
    ended and no one holds `users_lock`, or after SIGTERM, with all jobs and queries stopped and the state written.

    `announce` is called once, when the state is loaded and requests will be answered.
    """
    _allow_many_connections()
    state = saved_state.SavedState()
    for gap in GAPS:
        gap.fill()
    # Last, so that the state that is saved after a stack's deployment includes what the gaps add.
    state.fill()
    uvloop.run(_serve(listener, users_lock, credentials, state, announce))


def _allow_many_connections() -> None:
    """Raises the limit of open files: macOS allows 256 by default. (A negative number means no limit.)"""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if most < 0 else min(OPEN_FILES, most)
    if 0 <= allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


async def _serve(
    listener: socket.socket,
    users_lock: Path,
    credentials: Credentials,
    state: saved_state.SavedState,
    announce: Callable[[], None],
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)

    def watch() -> None:
        sys.stdin.buffer.read()
        with locked(users_lock):
            loop.call_soon_threadsafe(stop.set)
            # Holds the lock until the process is gone: a new user waits, and then starts a server of its own.
            threading.Event().wait()

    threading.Thread(target=watch, name="last-user", daemon=True).start()

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        async def send_and_announce(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                interrupted.repair()
                s3_expiry.expire()
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                announce()

        if scope["type"] == "websocket":
            # Only browsers use websockets here.
            await send({"type": "websocket.close"})
            return
        if scope["type"] == "http":
            if reason := refusal(scope["path"], scope["headers"]):
                await _send(send, 403, {"Content-Type": "text/plain"}, reason.encode())
                return
            if scope["path"] != HEALTH:
                try:
                    receive = await signatures.authenticated(scope, receive, credentials)
                except signatures.Refused as refused:
                    await _send(send, *signatures.answer(refused, scope))
                    return
            state.note(scope["method"])
        await ministack.app.app(scope, receive, send_and_announce if scope["type"] == "lifespan" else send)

    async def stopped() -> None:
        await stop.wait()
        saving.cancel()
        expiring.cancel()
        await asyncio.to_thread(glue_jobs.stop_all)
        await asyncio.to_thread(athena_queries.stop_all)

    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    saving = loop.create_task(state.save_regularly())
    expiring = loop.create_task(s3_expiry.expire_regularly())
    await serve_http(application, config, shutdown_trigger=stopped)  # type: ignore[arg-type]


async def _send(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": body})
