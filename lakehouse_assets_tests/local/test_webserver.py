"""The guard of Dagster's UI refuses requests that a web page can make a browser send, and passes those of the UI, of
links and of programs. (`cli/commands/test_up.py` tests the real server.)
"""

import asyncio
from typing import Any

import pytest

from lakehouse_assets.local.webserver import Guard

HERE = {"host": "127.0.0.1:3000"}
PAGE = {"accept": "text/html,*/*"}


def answered(
    path: str, method: str = "GET", kind: str = "http", ui_url: str | None = None, **headers: str
) -> list[dict[str, Any]]:
    """The messages to a client, if the guarded application answers everything."""
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        del receive
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the UI"})

    async def send(message: Any) -> None:
        sent.append(message)

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "path": path, "headers": named, "server": ("127.0.0.1", 3000)} | (
        {"method": method} if kind == "http" else {}
    )
    asyncio.run(Guard(application, ui_url)(scope, lambda: asyncio.sleep(0), send))  # type: ignore[arg-type, return-value]
    return sent


def status(*asked: Any, **headers: Any) -> int:
    return int(answered(*asked, **headers)[0]["status"])


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:3000",
        "127.0.0.1.evil.example:3000",
        "127.0.0.1:3001",
        "127.0.0.1",
        "localhost",
        "",
    ],
)
def test_a_name_that_leads_here_is_not_enough(host: str) -> None:
    assert status("/", host=host) == 403
    assert status("/graphql", "POST", host=host) == 403
    assert answered("/graphql", kind="websocket", host=host) == [{"type": "websocket.close"}]


def test_a_request_without_a_host_is_refused() -> None:
    assert status("/") == 403


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1:3001",
        "http://localhost",
        "https://127.0.0.1:3000",
        "http://localhost:3000.evil.example",
    ],
)
def test_another_page_starts_nothing_and_reads_nothing(origin: str) -> None:
    for path in ("/graphql", "/report_asset_materialization/orders"):
        assert status(path, "POST", **HERE, origin=origin) == 403
    assert status("/", **HERE, origin=origin) == 403
    assert answered("/graphql", kind="websocket", **HERE, origin=origin) == [{"type": "websocket.close"}]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_of_another_page_is_refused_where_the_browser_tells_its_site_alone(site: str) -> None:
    assert status("/graphql", "POST", **HERE, sec_fetch_site=site) == 403


@pytest.mark.parametrize(
    "accept", [{}, {"accept": "image/*"}, {"accept": "*/*"}, {"accept": "application/json"}], ids=str
)
@pytest.mark.parametrize("path", ["/graphql", "/graphql/"])
def test_graphql_is_not_answered_by_get(path: str, accept: dict[str, str]) -> None:
    assert status(path, **HERE, **accept) == 405


def test_no_page_frames_the_ui() -> None:
    assert (b"x-frame-options", b"SAMEORIGIN") in answered("/", **HERE, **PAGE)[0]["headers"]


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "localhost:3000", "LOCALHOST:3000"])
def test_the_ui_a_link_to_it_and_a_program_are_answered(host: str) -> None:
    assert status("/", host=host) == 200
    assert status("/runs/1", host=host, sec_fetch_site="cross-site", **PAGE) == 200, "a link in a message"
    assert status("/graphql", host=host, **PAGE) == 200, "the page of GraphiQL"
    assert status("/graphql", "POST", host=host, origin="http://localhost:3000", sec_fetch_site="same-origin") == 200
    assert status("/graphql", "POST", host=host) == 200, "a program"
    assert answered("/graphql", kind="websocket", host=host, origin="http://127.0.0.1:3000") == [
        {"type": "websocket.accept"}
    ]


@pytest.mark.parametrize(
    ("ui_url", "host", "origin"),
    [
        ("https://lakehouse.example/dagster", "lakehouse.example", "https://lakehouse.example"),
        ("https://lakehouse.example", "lakehouse.example:443", "https://lakehouse.example"),
        ("https://Lakehouse.example:8443/", "lakehouse.example:8443", "https://lakehouse.example:8443"),
        ("http://lakehouse.example:80", "lakehouse.example", "http://lakehouse.example"),
    ],
)
def test_a_proxy_that_the_setting_names_is_answered_and_this_machine_still_is(
    ui_url: str, host: str, origin: str
) -> None:
    for name in (host, "127.0.0.1:3000"):
        assert status("/graphql", "POST", ui_url=ui_url, host=name, origin=origin) == 200
    assert status("/graphql", "POST", host=host, origin=origin) == 403
    assert status("/graphql", "POST", ui_url=ui_url, host=host, origin="https://evil.example") == 403
