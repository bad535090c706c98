"""Dagster's UI for `lakehouse up`, closed to other web pages: `python -m lakehouse_assets.local.webserver ARGUMENTS…`
is `dagster dev ARGUMENTS…` with a guard before its webserver.

Dagster asks for no password, takes mutations by GET (an <img> is enough) and whatever name leads to it (DNS rebinding),
so any page that is open in a browser could start runs and stop sensors. Here a request has to name this machine, or
what LAKEHOUSE_UI_URL says, in `Host`. Where it says what page it comes from (`Origin`, which browsers send with all
that is not a plain GET; `Sec-Fetch-Site`), that is the UI itself. GraphQL is answered by POST alone, and no other page
may frame the UI. Other users of the machine are not kept out.

`dagster dev` has no option for a middleware. It starts `python -m dagster_webserver` as a process, in whose place this
module is put, and that makes its application by one function. A Dagster that lacks either does not start.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from lakehouse_assets.aws.environment import THIS_MACHINE

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
    """The application behind it hears of what is allowed alone. An ASGI middleware."""

    def __init__(self, application: Application, ui_url: str | None) -> None:
        self._application = application
        self._own = {_origin(ui_url)} if ui_url else set()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Passes on, or refuses, one request or websocket."""
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
            return 403, "Dagster's UI answers to 127.0.0.1, to localhost and to what LAKEHOUSE_UI_URL names alone."
        changes = scope["type"] == "websocket" or scope["method"] not in READING
        if "origin" in headers and headers["origin"].lower() not in {_origin(origin) for origin in origins}:
            return 403, "Dagster's UI does not answer other web pages."
        # A link to the UI may stand on any page.
        if changes and headers.get("sec-fetch-site", "none").lower() not in OWN_SITES:
            return 403, "Dagster's UI does not answer other web pages."
        # With this the browser gets the page of GraphiQL, and nothing is run.
        is_page = "text/html" in headers.get("accept", "")
        if not changes and not is_page and scope["path"].rstrip("/").endswith("/graphql"):
            return 405, "GraphQL is answered by POST alone."
        return None


def _origin(url: str) -> str:
    """As a browser writes it: without the port where that is the usual one."""
    parts = urlsplit(url.lower())
    port = f":{parts.port}" if parts.port and parts.port != USUAL_PORTS[parts.scheme] else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def _authorities(origin: str) -> set[str]:
    """What `Host` may say of an origin: its usual port too, which a proxy may write."""
    parts = urlsplit(origin)
    name, usual = str(parts.hostname), USUAL_PORTS[parts.scheme]
    return {f"{name}:{parts.port or usual}"} | ({name} if parts.port in (None, usual) else set())


async def _refuse(scope: Message, send: Send, status: int, reason: str) -> None:
    if scope["type"] == "websocket":
        # Before it is accepted: the server then answers 403.
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
    """`python -m dagster_webserver` with the guard before its application."""
    from dagster_webserver import cli  # noqa: PLC0415 - each entry point patches and imports its own program

    make = cli.create_app_from_workspace_process_context  # type: ignore[attr-defined]

    def make_guarded(*arguments: Any, **named: Any) -> Guard:
        return Guard(make(*arguments, **named), os.environ.get("LAKEHOUSE_UI_URL"))

    cli.create_app_from_workspace_process_context = make_guarded  # type: ignore[attr-defined, assignment]
    cli.main()  # type: ignore[no-untyped-call]


def _dev() -> None:
    """`dagster dev`, which starts this module as its webserver."""
    from dagster._cli import dev  # noqa: PLC0415 - see `_serve`

    start = dev.open_ipc_subprocess  # type: ignore[attr-defined]

    def start_guarded(command: Sequence[str], **named: Any) -> Any:
        if OF_DAGSTER in command:
            place = command.index(OF_DAGSTER)
            return start([*command[:place], __spec__.name, WEBSERVER, *command[place + 1 :]], **named)
        if DAEMON in command:
            return start(command, **named)
        raise RuntimeError(
            "This version of Dagster starts its webserver in another way: lakehouse_assets.local.webserver has to be"
            " looked at again."
        )

    dev.open_ipc_subprocess = start_guarded  # type: ignore[attr-defined, assignment]
    sys.argv = ["dagster", "dev", *sys.argv[1:]]
    runpy.run_module("dagster", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if sys.argv[1:2] == [WEBSERVER]:
        del sys.argv[1]
        _serve()
    else:
        _dev()
