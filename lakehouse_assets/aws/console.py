"""Where AWS's console shows a thing. The embedded AWS has no console: there the place itself has to do."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Console:
    """Links into the console of one region; each is None where `region` is (the embedded AWS)."""

    region: str | None

    def folder(self, uri: str) -> str | None:
        """What lies under s3://bucket/prefix."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        return self._link("s3", f"buckets/{bucket}", f"&prefix={quote(prefix.rstrip('/'))}/")

    def file(self, uri: str) -> str | None:
        """The object s3://bucket/key."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self._link("s3", f"object/{bucket}", f"&prefix={quote(key)}")

    def queue(self, url: str) -> str | None:
        """A queue, by its URL."""
        return self._link("sqs/v3", "home", f"#/queues/{quote(url, safe='')}")

    def glue_run(self, job: str, run_id: str) -> str | None:
        return self._link("gluestudio", "home", f"#/job/{job}/run/{run_id}")

    def execution(self, arn: str) -> str | None:
        """An execution of a state machine."""
        return self._link("states", "home", f"#/v2/executions/details/{arn}")

    def _link(self, service: str, page: str, rest: str) -> str | None:
        if self.region is None:
            return None
        return f"https://{self.region}.console.aws.amazon.com/{service}/{page}?region={self.region}{rest}"
