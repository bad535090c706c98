"""Reads files on the workers with Python's csv module if they cannot be read line by line: records with line breaks in
quotes, headers below other lines, other encodings than UTF-8.

There is one task per file, and it reads record by record, so memory does not grow with the file's size. The tests
compare both engines with this module.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from lakehouse_assets.aws.client import Aws
from lakehouse_assets.landing.csv_files.blanks import trimmed
from lakehouse_assets.landing.csv_files.dialect import Dialect
from lakehouse_assets.landing.csv_files.records import FIELD_LIMIT, records_below_header


@dataclass(frozen=True)
class RecordsFile:
    """A file for one worker. `environment`: the AWS_… variables for an s3:// location."""

    file_no: int
    location: str
    dialect: Dialect
    environment: Mapping[str, str]

    def rows(self) -> Iterator[tuple[int, int, list[str]]]:
        """File number, 0 (the file is one block), and the fields of each record below the header that is not blank."""
        is_gzip = self.dialect.compression == "gzip"
        with self._content() as packed, gzip.open(packed) if is_gzip else packed as content:
            text = io.TextIOWrapper(content, self.dialect.codec, newline="")
            for fields in records_below_header(text, self.dialect):
                yield self.file_no, 0, fields

    def _content(self) -> IO[bytes]:
        if not self.location.startswith("s3://"):
            return open(self.location, "rb")  # noqa: PTH123 - the caller closes it
        bucket, key = self.location.removeprefix("s3://").split("/", 1)
        body: Any = Aws(self.environment).client("s3").get_object(Bucket=bucket, Key=key)["Body"]
        return io.BufferedReader(_Body(body), 1 << 20)


class _Body(io.RawIOBase):
    """S3's response as a raw stream. botocore's own stream closes itself at the end, and TextIOWrapper then raises an
    error.
    """

    def __init__(self, body: Any) -> None:
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = self._body.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)


def fields_of_line(line: str, delimiter: str, width: int) -> list[str]:
    """The fields of a record that is one line, without blank ones beyond the header's `width`."""
    csv.field_size_limit(FIELD_LIMIT)
    return trimmed(next(csv.reader([line], delimiter=delimiter, strict=True)), width)
