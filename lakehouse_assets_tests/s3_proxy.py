"""A proxy before the embedded S3, for what happens between two requests of a client: someone else commits, an answer is
lost, S3 answers otherwise.
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP_BY_HOP = {"transfer-encoding", "content-length", "connection", "expect"}
Answer = tuple[int, bytes]
CONFLICT: Answer = (409, b"<Error><Code>ConditionalRequestConflict</Code><Message>Retry the upload.</Message></Error>")
DENIED: Answer = (403, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
LOST: Answer = (500, b"<Error><Code>InternalError</Code><Message>The answer is lost.</Message></Error>")


@dataclass
class S3Proxy:
    """`before_put`: by the end of a key, what is done before the PUT goes on, once; an answer in its place if it gives
    one. `after_put`: the answer in place of S3's own, once. `puts`: the ends of keys that were put, with the condition
    and the status."""

    endpoint: str
    before_put: dict[str, Callable[[], Answer | None]] = field(default_factory=dict)
    after_put: dict[str, Answer] = field(default_factory=dict)
    puts: list[tuple[str, str | None, int]] = field(default_factory=list)

    def commits(self) -> list[tuple[str, str | None, int]]:
        return [put for put in self.puts if put[0].endswith(".json") and put[0][:-5].isdigit()]


@contextmanager
def s3_proxy(endpoint: str) -> Iterator[S3Proxy]:
    """A proxy before the S3 of an endpoint, with an endpoint of its own."""
    target = urlsplit(endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body, name = self._body(), self.path.partition("?")[0].rpartition("/")[2]
            put = self.command == "PUT"
            status, headers, content = self._answered(
                body, proxy.before_put.pop(name)() if put and name in proxy.before_put else None
            )
            if put:
                proxy.puts.append((name, self.headers.get("If-None-Match"), status))
                if name in proxy.after_put:
                    status, content = proxy.after_put.pop(name)
            self.send_response_only(status)
            for header, value in headers:
                if header.lower() not in HOP_BY_HOP or (self.command == "HEAD" and header.lower() == "content-length"):
                    self.send_header(header, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def _answered(self, body: bytes, instead: Answer | None) -> tuple[int, list[tuple[str, str]], bytes]:
            if instead:
                return instead[0], [], instead[1]
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            connection = http.client.HTTPConnection(target)
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            return answer.status, answer.getheaders(), content

        def _body(self) -> bytes:
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                return self.rfile.read(int(self.headers.get("Content-Length", "0")))
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = forward  # noqa: N815 - the names that http.server asks for

        def log_message(self, *_: object) -> None:
            """No word of it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = S3Proxy(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
