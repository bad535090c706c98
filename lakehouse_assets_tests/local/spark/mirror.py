"""A Maven repository over HTTP with a few small jars, for downloads without the internet."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from lakehouse_assets.local.spark.jars import Jar


@dataclass
class Mirror:
    """`asked`: the paths of all requests. A request for a path in `stalled` is not answered until `go_on` is set."""

    folder: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)
    stalled: set[str] = field(default_factory=set)
    stalling: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def offer(self, artifact: str, content: bytes, needs: tuple[str, ...] = ()) -> Jar:
        """Adds `example:<artifact>:1.0`, which depends on other such artifacts. Returns its line for a lock file."""
        place = self.folder / "example" / artifact / "1.0"
        place.mkdir(parents=True, exist_ok=True)
        place.joinpath(f"{artifact}-1.0.jar").write_bytes(content)
        place.joinpath(f"{artifact}-1.0.pom").write_text(_pom(artifact, needs))
        return Jar("example", artifact, "1.0", hashlib.sha256(content).hexdigest(), len(content))

    def jars_asked(self) -> list[str]:
        return sorted({Path(path).name for path in self.asked if path.endswith(".jar")})


@contextmanager
def mirror(folder: Path) -> Iterator[Mirror]:
    """Serves `folder` until the context ends."""
    served = Mirror(folder)

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            if Path(self.path).name in served.stalled:
                served.stalling.set()
                served.go_on.wait()
                return
            super().do_GET()

        def translate_path(self, path: str) -> str:
            # Requests to a proxy contain the host.
            return super().translate_path(urlsplit(path).path)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        served.url = f"http://127.0.0.1:{server.server_port}/"
        try:
            yield served
        finally:
            served.go_on.set()
            server.shutdown()


def _pom(artifact: str, needs: tuple[str, ...]) -> str:
    dependencies = "".join(
        f"<dependency><groupId>example</groupId><artifactId>{name}</artifactId><version>1.0</version></dependency>"
        for name in needs
    )
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>example</groupId>'
        f"<artifactId>{artifact}</artifactId><version>1.0</version><dependencies>{dependencies}</dependencies></project>"
    )
