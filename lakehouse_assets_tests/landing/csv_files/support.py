"""What the tests of CSV files share."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from lakehouse_assets.contracts import read_contracts
from lakehouse_assets.landing.csv_files.preflight import Preflight

CONTRACTS = read_contracts()
CONTRACT = CONTRACTS["products"]
TAKEN = " (row 1, the first that is not blank, was taken for the header)"
HEADER = ",".join(CONTRACT.names).encode()
ROW = b"1,2,Books,Atlas"
GOOD = HEADER + b"\n" + ROW + b"\n"

Look = Callable[..., Preflight]
GZIPPED_HEADER = gzip.compress(HEADER, mtime=0)


def problem(found: Preflight) -> str:
    assert found.problem is not None
    return found.problem
