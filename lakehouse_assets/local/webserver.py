"""Dagster's UI for `lakehouse up`, protected from other web pages: `python -m lakehouse_assets.local.webserver
ARGUMENTS…` is `dagster dev ARGUMENTS…` with a guard in front of its webserver.

Dagster has no password, accepts mutations by GET (an <img> is enough) and any host name (DNS rebinding). So any page
that is open in a browser could start runs and stop sensors. Here `Host` must be this machine or the host of
LAKEHOUSE_UI_URL. If a request names the page that sent it (`Origin`, which browsers send with all requests but plain
GETs; `Sec-Fetch-Site`), that page must be the UI itself. GraphQL is answered only by POST, and other pages cannot frame
the UI. Other users of the machine are not kept out.

`dagster dev` has no option for a middleware. It starts `python -m dagster_webserver` as a process, which creates its
application with one function. This module replaces both. It fails at the start with a Dagster that lacks either.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from lakehouse_assets.aws.environment import THIS_MACHINE
from lakehouse_assets.local import code_server

OWN_SITES = ("none", "same-origin")
READING = ("GET", "HEAD")
USUAL_PORTS = {"http": 80, "https": 443}
THE_UI_IN_A_FRAME = (b"x-frame-options", b"SAMEORIGIN")
WEBSERVER, OF_DAGSTER, DAEMON = "webserver", "dagster_webserver", "dagster._daemon"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class Guard:
    """An ASGI middleware that passes only allowed requests on. `ui_url`: the UI's public URL, if it has one."""

    def __init__(self, application: Application, ui_url: str | None) -> None:
        self._application = application
        self._own = {_origin(ui_url)} if ui_url else set()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Passes on or refuses one request or websocket."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
        elif reason := self._refusal(scope):
            await _refuse(scope, send, *reason)
        else:
            await self._application(scope, receive, _unframed(send))

    def _refusal(self, scope: Message) -> tuple[int, str] | None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        origins = self._own | {f"http://{name}:{scope['server'][1]}" for name in THIS_MACHINE}
        if headers.get("host", "").lower() not in {
            authority for origin in origins for authority in _authorities(origin)
        }:
            return 403, "Dagster's UI answers only to 127.0.0.1, localhost, and the host of LAKEHOUSE_UI_URL."
        changes = scope["type"] == "websocket" or scope["method"] not in READING
        if "origin" in headers and headers["origin"].lower() not in {_origin(origin) for origin in origins}:
            return 403, "Dagster's UI does not answer other web pages."
        # Any page may link to the UI, so plain GETs from other sites are allowed.
        if changes and headers.get("sec-fetch-site", "none").lower() not in OWN_SITES:
            return 403, "Dagster's UI does not answer other web pages."
        # With this header Dagster returns the page of GraphiQL, and runs nothing.
        is_page = "text/html" in headers.get("accept", "")
        if not changes and not is_page and scope["path"].rstrip("/").endswith("/graphql"):
            return 405, "GraphQL is answered only by POST."
        return None


def _origin(url: str) -> str:
    """The origin of a URL as a browser writes it: without the scheme's default port."""
    parts = urlsplit(url.lower())
    port = f":{parts.port}" if parts.port and parts.port != USUAL_PORTS[parts.scheme] else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def _authorities(origin: str) -> set[str]:
    """The allowed values of `Host` for an origin. They include the default port, which a proxy may add."""
    parts = urlsplit(origin)
    name, usual = str(parts.hostname), USUAL_PORTS[parts.scheme]
    return {f"{name}:{parts.port or usual}"} | ({name} if parts.port in (None, usual) else set())


async def _refuse(scope: Message, send: Send, status: int, reason: str) -> None:
    if scope["type"] == "websocket":
        # Closed before it is accepted, so the server answers 403.
        await send({"type": "websocket.close"})
        return
    await send(
        {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain; charset=utf-8")]}
    )
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reason.encode()})


def _unframed(send: Send) -> Send:
    async def send_unframed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), THE_UI_IN_A_FRAME]
        await send(message)

    return send_unframed


def _serve() -> None:
    """Runs `python -m dagster_webserver` with the guard in front of its application."""
    from dagster_webserver import cli  # noqa: PLC0415 - each entry point patches and imports its own program

    make = cli.create_app_from_workspace_process_context  # type: ignore[attr-defined]

    def make_guarded(*arguments: Any, **named: Any) -> Guard:
        return Guard(make(*arguments, **named), os.environ.get("LAKEHOUSE_UI_URL"))

    cli.create_app_from_workspace_process_context = make_guarded  # type: ignore[attr-defined, assignment]
    cli.main()  # type: ignore[no-untyped-call]


def _dev() -> None:
    """Runs `dagster dev`, which starts this module as its webserver."""
    from dagster._cli import dev  # noqa: PLC0415 - see `_serve`

    start = dev.open_ipc_subprocess  # type: ignore[attr-defined]

    def start_guarded(command: Sequence[str], **named: Any) -> Any:
        if OF_DAGSTER in command:
            position = command.index(OF_DAGSTER)
            return start([*command[:position], __spec__.name, WEBSERVER, *command[position + 1 :]], **named)
        if DAEMON in command:
            return start(command, **named)
        raise RuntimeError(
            "This version of Dagster starts its webserver in another way. Adapt lakehouse_assets/local/webserver.py to"
            " it, or install the version of Dagster that pyproject.toml names."
        )

    dev.open_ipc_subprocess = start_guarded  # type: ignore[attr-defined, assignment]
    code_server.use()
    sys.argv = ["dagster", "dev", *sys.argv[1:]]
    runpy.run_module("dagster", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if sys.argv[1:2] == [WEBSERVER]:
        del sys.argv[1]
        _serve()
    else:
        _dev()
