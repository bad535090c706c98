"""Dagster Pipes through the lakehouse's bucket: the context for a Glue run, and its messages.

Each run has its own folder control/pipes/<batch>/<dataset>/<random>/. The folder is in the run's arguments, so that a
later Dagster run can read all messages of a Glue run that an earlier one started. Dagster's own S3 reader and injector
(0.29.27) are not used for these reasons. The reader has no prefix; a second use continues with the first one's counter;
it stops permanently at the first error of S3; it drops messages after `closed`, among them the last of stdout and
stderr; it waits ten seconds for messages of a run that has ended; it does not delete messages; and it prints the run's
output into this process's own output, with stderr twice. The injector leaves its object in the bucket if a run fails.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import dagster as dg
from botocore.exceptions import BotoCoreError, ClientError
from dagster_pipes import PipesBlobStoreMessageWriter, PipesContextData, PipesParams, decode_param

from lakehouse_assets.landing.store import Store

MESSAGES_ARGUMENT = "--dagster-pipes-messages"
SECONDS_BETWEEN_LOOKS = 3.0


@dataclass(frozen=True)
class PipesFolder:
    """The folder in the bucket for the context and the messages of one Glue run. `prefix` does not end with `/`."""

    store: Store
    prefix: str

    @staticmethod
    def fresh(store: Store, parent: str) -> PipesFolder:
        """A new folder in `parent`, from which the folders of earlier runs are removed."""
        store.delete_all(parent)
        return PipesFolder(store, f"{parent}{secrets.token_hex(8)}")

    @staticmethod
    def of_run(store: Store, arguments: Mapping[str, str]) -> PipesFolder | None:
        """The folder of a run, from its arguments; None if it was not started through Pipes."""
        if MESSAGES_ARGUMENT not in arguments:
            return None
        return PipesFolder(store, decode_param(arguments[MESSAGES_ARGUMENT])["key_prefix"])

    def delete(self) -> None:
        self.store.delete_all(f"{self.prefix}/")


class ContextWriter(dg.PipesContextInjector):
    """Writes the context. It stays until the folder is deleted, so that a run that starts late still finds it."""

    def __init__(self, folder: PipesFolder) -> None:
        self._folder = folder

    @contextmanager
    def inject_context(self, context_data: PipesContextData) -> Iterator[PipesParams]:
        key = f"{self._folder.prefix}/context.json"
        self._folder.store.put_json(key, context_data)
        yield {"bucket": self._folder.store.bucket, "key": key}

    def no_messages_debug_text(self) -> str:
        return f"The context was written to s3://{self._folder.store.bucket}/{self._folder.prefix}/."


class MessageReader(dg.PipesMessageReader):
    """Reads messages during the run, and once more after its end, when all messages are in the bucket. `log` gets the
    run's output.
    """

    def __init__(self, folder: PipesFolder, log: Callable[[str], None]) -> None:
        self._folder = folder
        self._log = log
        self._next_chunk = 1
        self._closed: list[Any] = []

    @contextmanager
    def read_messages(self, handler: Any) -> Iterator[PipesParams]:
        ended = Event()
        reading = Thread(target=self._follow, args=(handler, ended), name="glue-messages", daemon=True)
        reading.start()
        try:
            yield {
                "bucket": self._folder.store.bucket,
                "key_prefix": self._folder.prefix,
                PipesBlobStoreMessageWriter.INCLUDE_STDIO_IN_MESSAGES_KEY: True,
            }
        finally:
            ended.set()
            reading.join()

    @property
    def expected_writer_count(self) -> int:
        """One, as in Dagster's own implementation, which warns at each use that it is a preview."""
        return 1

    def no_messages_debug_text(self) -> str:
        return f"Messages were expected in s3://{self._folder.store.bucket}/{self._folder.prefix}/."

    def _follow(self, handler: Any, ended: Event) -> None:
        try:
            while not ended.wait(SECONDS_BETWEEN_LOOKS):
                self._read_new(handler)
            self._read_new(handler)
            for message in self._closed:
                handler.handle_message(message)
        except Exception:
            handler.report_pipes_framework_exception("the messages of a Glue run", sys.exc_info())
            raise

    def _read_new(self, handler: Any) -> None:
        while (chunk := self._chunk()) is not None:
            self._next_chunk += 1
            for message in map(json.loads, chunk.splitlines()):
                match message["method"]:
                    case "closed":
                        # Held back until the end: the writer sends it before the last of the output.
                        self._closed.append(message)
                    case "log_external_stream":
                        self._printed(**message["params"])
                    case _:
                        handler.handle_message(message)

    def _printed(self, stream: str, text: str, **_: Any) -> None:
        # stdout has everything: the writer's `tee` for stderr also prints into it (dagster-pipes 1.13.27).
        if stream == "stdout" and text.strip():
            self._log(text.rstrip())

    def _chunk(self) -> str | None:
        store = self._folder.store
        try:
            found = store.s3.get_object(Bucket=store.bucket, Key=f"{self._folder.prefix}/{self._next_chunk}.json")
            return bytes(found["Body"].read()).decode()
        except (ClientError, BotoCoreError):
            # The chunk does not exist yet, or S3 does not answer: it is read again later. Lost messages do no harm: the
            # outcome of the run is in its load result.
            return None
