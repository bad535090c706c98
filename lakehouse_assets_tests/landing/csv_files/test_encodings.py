"""Files in encodings that their contract declares."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from lakehouse_assets.contracts import Contracts
from lakehouse_assets.landing.csv_files.preflight import preflight, route_file
from lakehouse_assets_tests.landing.csv_files.support import CONTRACT, CONTRACTS

TEXT = f'{",".join(CONTRACT.names)}\r\n1,2,Café,"Lampe €"\r\n'


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("windows-1252", TEXT.encode("cp1252")),
        ("iso-8859-15", TEXT.encode("iso-8859-15")),
        ("iso-8859-1", TEXT.replace("€", "EUR").encode("latin-1")),
        ("utf-16", TEXT.encode("utf-16")),
        ("utf-16", b"\xfe\xff" + TEXT.encode("utf-16-be")),
        ("windows-1252", gzip.compress(TEXT.encode("cp1252"))),
        ("windows-1252", TEXT.replace("é", "e").replace("€", "").encode()),
    ],
    ids=["Windows", "Latin-9", "Latin-1", "UTF-16", "big-endian UTF-16", "gzipped", "ASCII only"],
)
def test_a_file_in_the_declared_encoding_is_taken(tmp_path: Path, encoding: str, content: bytes) -> None:
    (tmp_path / "f.csv").write_bytes(content)
    found = preflight(tmp_path / "f.csv", CONTRACT, encoding=encoding)
    assert (found.problem, found.empty, found.newline) == (None, False, "\r\n")
    assert (found.dialect.header, found.dialect.encoding, found.dialect.quoted) == (CONTRACT.names, encoding, True)


@pytest.mark.parametrize(
    ("encoding", "content", "problem"),
    [
        (
            "windows-1252",
            TEXT.encode("cp1252") + b"\x81",
            "is not windows-1252, which its contract declares: byte 0x81 near offset 70 (character maps to <undefined>)",
        ),
        (
            "windows-1252",
            TEXT.encode(),
            (
                "is UTF-8, and its contract declares windows-1252: correct the encoding in the contract, or move the file"
                " to a folder without one"
            ),
        ),
        (
            "iso-8859-1",
            TEXT.encode("utf-8-sig"),
            "begins with the byte order mark of UTF-8, and its contract declares iso-8859-1",
        ),
        (
            "iso-8859-1",
            TEXT.encode("utf-16"),
            "begins with the byte order mark of UTF-16, and its contract declares iso-8859-1",
        ),
        (
            "utf-16",
            TEXT.encode("utf-16-le"),
            "has no byte order mark, which a file in UTF-16 needs: save it as UTF-16 with one",
        ),
        ("utf-16", TEXT.encode("utf-16")[:-1], "is not utf-16, which its contract declares: byte 0x0A near offset"),
    ],
    ids=["no such letter", "UTF-8", "mark of UTF-8", "mark of UTF-16", "no mark", "cut off"],
)
def test_a_file_in_another_encoding_is_quarantined_with_the_reason(
    tmp_path: Path, encoding: str, content: bytes, problem: str
) -> None:
    (tmp_path / "f.csv").write_bytes(content)
    assert (preflight(tmp_path / "f.csv", CONTRACT, encoding=encoding).problem or "").startswith(problem)


def test_a_file_outside_the_folders_is_routed_in_the_encoding_that_its_contract_declares(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_bytes(TEXT.replace("product_name", "café").encode("cp1252"))
    declared = {"": "windows-1252"}
    others = [contract for contract in CONTRACTS.values() if contract is not CONTRACT]
    french = replace(
        CONTRACT,
        columns=(*CONTRACT.columns[:3], replace(CONTRACT.columns[3], headers=("Café",))),
        encodings=tuple(declared.items()),
    )
    found = route_file(tmp_path / "f.csv", Contracts((*others, french)))
    assert found is not None
    assert found.dataset == "products"
