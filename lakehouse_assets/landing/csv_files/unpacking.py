"""Reads a file's bytes in bounded memory, and hashes and unpacks them on the way.

The first bytes decide the format, not the name: senders name gzip `.csv` and text `.gz`, and put workbooks where CSV
belongs.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse_assets.landing.csv_files.formats import GZIP_MAGIC, HEAD, foreign_format

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK = 1 << 20
GZIP_WINDOW = 16 + zlib.MAX_WBITS


class UnusableError(Exception):
    """The file must be quarantined. The message is the reason, worded to follow the file's name: 'is cut off …'."""


@dataclass(frozen=True)
class Limits:
    """A file that unpacks to more than `max_bytes` is quarantined. So is a suspected bomb: a file that unpacks to more
    than `bomb_from_bytes` and to more than `max_ratio` times its size. (CSV shrinks to between 1/5 and 1/50 of its
    size; gzip's best is 1/1,032.)
    """

    max_bytes: int = 100 << 30
    max_ratio: int = 250
    bomb_from_bytes: int = 64 << 20


class ArrivingFile:
    """One reading of one file. `sha256` and `size` are those of the bytes as they arrived: of those read so far, and of
    the whole file after `finish`.

    `padded`: a gzip member is followed by zeros, which neither DuckDB nor Hadoop's reader can skip.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self.limits = limits
        self.size = 0
        self.compression = "none"
        self.padded = False
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def chunks(self) -> Iterator[bytes]:
        """Yields the unpacked content, in pieces of at most a mebibyte. Raises UnusableError for damaged gzip, too much
        content and other formats.
        """
        with self.path.open("rb", buffering=0) as file:
            yield from _of_no_other_format(self._unpacked(file))

    def finish(self) -> None:
        """Hashes the rest of the file after a reading that stopped early."""
        with self.path.open("rb", buffering=0) as file:
            file.seek(self.size)
            for _ in self._arrived(file):
                pass

    def _arrived(self, file: io.FileIO) -> Iterator[bytes]:
        while chunk := file.read(CHUNK):
            self._hash.update(chunk)
            self.size += len(chunk)
            yield chunk

    def _unpacked(self, file: io.FileIO) -> Iterator[bytes]:
        arrived = self._arrived(file)
        first = next(arrived, b"")
        if first.startswith(GZIP_MAGIC):
            self.compression = "gzip"
            yield from self._members(first, arrived)
            return
        total = len(first)
        while first:
            if total > self.limits.max_bytes:
                raise UnusableError(f"is larger than {self.limits.max_bytes:,} bytes, the limit")
            yield first
            first = next(arrived, b"")
            total += len(first)

    def _members(self, packed: bytes, arrived: Iterator[bytes]) -> Iterator[bytes]:
        """Unpacks the members of a gzip file, one after the other (RFC 1952). Tape drives pad its end with zeros."""
        total = 0
        member = zlib.decompressobj(GZIP_WINDOW)
        while packed:
            try:
                text = member.decompress(packed, CHUNK)
            except zlib.error as error:
                raise UnusableError(
                    f"is damaged: its gzip content cannot be unpacked after {total:,} bytes ({error})"
                ) from error
            total += len(text)
            self._refuse_bomb(total)
            if text:
                yield text
            if not member.eof:
                packed = member.unconsumed_tail or next(arrived, b"")
                continue
            packed = self._next_member(member.unused_data, arrived)
            if packed:
                member = zlib.decompressobj(GZIP_WINDOW)
        if not member.eof:
            raise UnusableError(f"is cut off: its gzip content ends in the middle, after {total:,} unpacked bytes")

    def _next_member(self, rest: bytes, arrived: Iterator[bytes]) -> bytes:
        while not (rest := self._without_padding(rest)):
            rest = next(arrived, b"")
            if not rest:
                return b""
        if len(rest) < len(GZIP_MAGIC):
            rest += next(arrived, b"")
        if not rest.startswith(GZIP_MAGIC):
            raise UnusableError("is damaged: its gzip content is followed by bytes that are not gzip")
        return rest

    def _without_padding(self, rest: bytes) -> bytes:
        self.padded = self.padded or rest.startswith(b"\0")
        return rest.lstrip(b"\0")

    def _refuse_bomb(self, total: int) -> None:
        if total > self.limits.max_bytes:
            raise UnusableError(f"unpacks to more than {self.limits.max_bytes:,} bytes, the limit")
        if total > self.limits.bomb_from_bytes and total > self.limits.max_ratio * self.size:
            raise UnusableError(f"looks like a decompression bomb: {self.size:,} bytes unpack to more than {total:,}")


def _of_no_other_format(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same chunks, after a check of the first bytes; a gzip member may have only a few of them."""
    held: list[bytes] = []
    known = 0
    for chunk in chunks:
        held.append(chunk)
        known += len(chunk)
        if known >= HEAD:
            break
    what = foreign_format(b"".join(held)[:HEAD])
    if what is not None:
        raise UnusableError(f"is {what}")
    yield from held
    yield from chunks


class TextBytes(io.RawIOBase):
    """The unpacked content as a stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        target = memoryview(buffer).cast("B")
        taken = min(len(target), len(self._rest))
        target[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken
