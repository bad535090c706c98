"""Dagster Pipes through the lakehouse's bucket: where a Glue run finds its context, and where it leaves its messages.

Each run has a place of its own under control/pipes/<batch>/<dataset>/. The place stands in the run's arguments, so that
a run which a former Dagster run started can be listened to by the next one, from its first message on. What Dagster's
own S3 reader and injector do otherwise (0.29.27): the reader takes no prefix, keeps its place in a counter that a
second use goes on with, stops for good when S3 does not answer once, drops what comes after the message `closed` (the
last of stdout and stderr does), waits ten seconds for messages of a run that has ended, deletes none, and prints what
the run printed into this process's own output, all that was on stderr twice; the injector leaves its object behind when
a run fails.
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
class Place:
    """A prefix in the bucket (without '/' at its end) for the context and the messages of one Glue run."""

    store: Store
    prefix: str

    @staticmethod
    def fresh(store: Store, folder: str) -> Place:
        """A new place in a folder, from which what runs that are over have left is removed."""
        store.delete_all(folder)
        return Place(store, f"{folder}{secrets.token_hex(8)}")

    @staticmethod
    def of_run(store: Store, arguments: Mapping[str, str]) -> Place | None:
        """The place that a run was started with; None if it was not started through Pipes."""
        if MESSAGES_ARGUMENT not in arguments:
            return None
        return Place(store, decode_param(arguments[MESSAGES_ARGUMENT])["key_prefix"])

    def delete(self) -> None:
        self.store.delete_all(f"{self.prefix}/")


class ContextInPlace(dg.PipesContextInjector):
    """Writes the context. It stays until the place is deleted: a run that starts late still finds it."""

    def __init__(self, place: Place) -> None:
        self._place = place

    @contextmanager
    def inject_context(self, context_data: PipesContextData) -> Iterator[PipesParams]:
        key = f"{self._place.prefix}/context.json"
        self._place.store.put_json(key, context_data)
        yield {"bucket": self._place.store.bucket, "key": key}

    def no_messages_debug_text(self) -> str:
        return f"The context was written to s3://{self._place.store.bucket}/{self._place.prefix}/."


class MessagesInPlace(dg.PipesMessageReader):
    """Reads messages while the run goes on, and once more when it has ended: then all that it said is in the bucket.
    `tell` gets what it prints.
    """

    def __init__(self, place: Place, tell: Callable[[str], None]) -> None:
        self._place = place
        self._tell = tell
        self._next_chunk = 1
        self._closed: list[Any] = []

    @contextmanager
    def read_messages(self, handler: Any) -> Iterator[PipesParams]:
        ended = Event()
        reading = Thread(target=self._follow, args=(handler, ended), name="glue-messages", daemon=True)
        reading.start()
        try:
            yield {
                "bucket": self._place.store.bucket,
                "key_prefix": self._place.prefix,
                PipesBlobStoreMessageWriter.INCLUDE_STDIO_IN_MESSAGES_KEY: True,
            }
        finally:
            ended.set()
            reading.join()

    @property
    def expected_writer_count(self) -> int:
        """One; the same that Dagster's own answer would be, which warns at each use that it is in preview."""
        return 1

    def no_messages_debug_text(self) -> str:
        return f"Messages were looked for at s3://{self._place.store.bucket}/{self._place.prefix}/."

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
                        # The writer says so before the last of what was printed: held back, so that nothing comes after
                        # it.
                        self._closed.append(message)
                    case "log_external_stream":
                        self._printed(**message["params"])
                    case _:
                        handler.handle_message(message)

    def _printed(self, stream: str, text: str, **_: Any) -> None:
        # stdout has all: the writer's `tee` for stderr prints into it (dagster-pipes 1.13.27).
        if stream == "stdout" and text.strip():
            self._tell(text.rstrip())

    def _chunk(self) -> str | None:
        store = self._place.store
        try:
            found = store.s3.get_object(Bucket=store.bucket, Key=f"{self._place.prefix}/{self._next_chunk}.json")
            return bytes(found["Body"].read()).decode()
        except (ClientError, BotoCoreError):
            # Not there yet, or S3 does not answer: looked for again. What a run did stands in its load result, whatever
            # is lost here.
            return None
