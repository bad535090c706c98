"""A file is routed to its dataset by its first bytes alone."""

import gzip
from pathlib import Path

import pytest

from lakehouse_assets.landing.csv_files.preflight import UnusableError, route_file
from lakehouse_assets_tests.landing.csv_files.support import (
    CONTRACTS,
    HEADER,
)


@pytest.mark.parametrize(
    ("content", "dataset"),
    [
        (b"\xef\xbb\xbf" + HEADER.upper() + b"\n1,2\n", "products"),
        (b"\n\n" + HEADER.replace(b",", b";"), "products"),
        (b"sep=\t\r\n" + HEADER.replace(b",", b"\t"), "products"),
        (b"All products\n\n" + HEADER, "products"),
        (gzip.compress(HEADER.replace(b",", b"|") + b"\n" + b"a|b\n" * 1_000_000, mtime=0), "products"),
        (b"one column", None),
    ],
)
def test_a_file_is_routed_by_its_first_bytes_alone(tmp_path: Path, content: bytes, dataset: str | None) -> None:
    path = tmp_path / "any"
    path.write_bytes(content)
    found = route_file(path, CONTRACTS)
    assert found is not None
    assert found.dataset == dataset


def test_a_file_that_is_like_no_dataset_says_which_row_was_taken_for_its_header(tmp_path: Path) -> None:
    path = tmp_path / "any"
    path.write_bytes(b"\nCities\n\ncity,people\nRome,3\n")
    found = route_file(path, CONTRACTS)
    assert found is not None
    assert (
        found.reason
        == f"no dataset has these columns (the datasets: {', '.join(CONTRACTS)}) (row 2, the first that is not blank,"
        " was taken for the header)"
    )


@pytest.mark.parametrize("content", [b"", b"\n \n", b",,,\n"])
def test_an_empty_file_is_for_no_dataset(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any"
    path.write_bytes(content)
    assert route_file(path, CONTRACTS) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("A,b\n".encode("utf-16"), "is UTF-16"),
        (b"b\xfccher,b\n", "is not UTF-8: byte 0xFC at offset 1"),
        (b"PK\x03\x04xl/", "is an Excel workbook, not CSV"),
        (gzip.compress(b"a,b\n", mtime=0)[:6], "is cut off"),
        (b'"a,b\n', "has no header"),
        pytest.param(b"x" * (3 << 20), "has no header", id="a line without end"),
    ],
)
def test_where_the_first_bytes_hold_no_header_it_is_said_why(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "any"
    path.write_bytes(content)
    with pytest.raises(UnusableError, match=reason):
        route_file(path, CONTRACTS)
