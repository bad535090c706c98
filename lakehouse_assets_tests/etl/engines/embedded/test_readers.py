"""The reader that a file gets: the fastest that reads it exactly, also where the telling bytes lie across the pieces it
is looked through in.
"""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakehouse_assets.etl.engines.base import RawFile
from lakehouse_assets.etl.engines.embedded.readers import CHUNK, ONE_BLOCK, Reader, reader_of
from lakehouse_assets.landing.csv_files.dialect import Dialect

LINES = b"1,some text,2025\n" * (ONE_BLOCK // 17 + 1)


def reader(folder: Path, content: bytes, *, delimiter: str = ",", regular: bool = True) -> Reader:
    path = folder / "file.csv"
    path.write_bytes(content)
    compression = "gzip" if content.startswith(b"\x1f\x8b") else "none"
    dialect = Dialect(("a", "b"), delimiter, compression, regular)
    return reader_of(RawFile("id", "file.csv", datetime(2025, 1, 1, tzinfo=UTC), str(path), dialect))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\n1,2\n", Reader.THREADS),
        (b"", Reader.THREADS),
        (b'a,b\n\n1,"2"\n', Reader.THREADS),
        (b'a,b\n1, "2"\n', Reader.PYTHON),
        (b'a,b\n   "1",2\n', Reader.PYTHON),
        (b'a,b\n1,x "2"\n', Reader.THREADS),
        (LINES, Reader.THREADS),
        (LINES + b'1,"x"\n', Reader.ONE_THREAD),
        (LINES + b"\n1,x\n", Reader.PYTHON),
        (LINES + b"1,x\r\n\r\n", Reader.PYTHON),
        (b"a,b\n1,\n,2\n", Reader.THREADS),
        (b"a,b\n,\n1,2\n", Reader.PYTHON),
        (b"a,b\n1,2\n ,", Reader.PYTHON),
        (b'a,b\r\n"",""\r\n1,2\r\n', Reader.PYTHON),
        (b"a,b\n;\n", Reader.THREADS),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), Reader.THREADS),
        (gzip.compress(b'a,b\n1,"2"\n', mtime=0), Reader.ONE_THREAD),
        (gzip.compress(b"a,b\n\n1,2\n", mtime=0), Reader.PYTHON),
    ],
)
def test_a_file_gets_the_fastest_reader_that_is_exact(tmp_path: Path, content: bytes, expected: Reader) -> None:
    assert reader(tmp_path, content) is expected


@pytest.mark.parametrize("before", range(-4, 3))
@pytest.mark.parametrize("telling", [b"\n\n", b"\n\r\n", b"\n,\n", b"\n ,\r\n", b'\n"",""\n', b',   "x"', b'\n "x"'])
def test_what_tells_is_seen_across_two_pieces(tmp_path: Path, telling: bytes, before: int) -> None:
    start = LINES[: 4 * CHUNK - before - 2] + b"x"
    assert reader(tmp_path, start + telling + b"\n" + LINES) is Reader.PYTHON


def test_the_files_own_delimiter_counts(tmp_path: Path) -> None:
    assert reader(tmp_path, b'a|b\n1| "2"\n', delimiter="|") is Reader.PYTHON
    assert reader(tmp_path, b'a|b\n1, "2"|\n', delimiter="|") is Reader.THREADS


def test_what_preflight_found_irregular_is_left_to_python(tmp_path: Path) -> None:
    assert reader(tmp_path, b"a,b\n1,2\r\n", regular=False) is Reader.PYTHON
