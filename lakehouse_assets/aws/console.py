"""Links to AWS's console. The embedded AWS has no console, so there are no links."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Console:
    """Links to the console of one region. If `region` is None (the embedded AWS), each link is None."""

    region: str | None

    def folder(self, uri: str) -> str | None:
        """The objects below s3://bucket/prefix."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        return self._link("s3", f"buckets/{bucket}", f"&prefix={quote(prefix.rstrip('/'))}/")

    def file(self, uri: str) -> str | None:
        """The object s3://bucket/key."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self._link("s3", f"object/{bucket}", f"&prefix={quote(key)}")

    def queue(self, url: str) -> str | None:
        """A queue, by its URL."""
        return self._link("sqs/v3", "home", f"#/queues/{quote(url, safe='')}")

    def queries(self) -> str | None:
        """Athena's query editor."""
        return self._link("athena", "home", "#/query-editor")

    def glue_run(self, job: str, run_id: str) -> str | None:
        """A run of a Glue job."""
        return self._link("gluestudio", "home", f"#/job/{job}/run/{run_id}")

    def execution(self, arn: str) -> str | None:
        """An execution of a state machine, by its ARN."""
        return self._link("states", "home", f"#/v2/executions/details/{arn}")

    def _link(self, service: str, page: str, rest: str) -> str | None:
        if self.region is None:
            return None
        return f"https://{self.region}.console.aws.amazon.com/{service}/{page}?region={self.region}{rest}"
