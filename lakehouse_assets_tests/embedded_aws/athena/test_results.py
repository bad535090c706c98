import struct
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from lakehouse_assets.embedded_aws.athena.results import text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0.0"),
        (1.5, "1.5"),
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (-0.000123, "-1.23E-4"),
        (9999999.0, "9999999.0"),
        (10000000.0, "1.0E7"),
        (-123456789.125, "-1.23456789125E8"),
        (1e300, "1.0E300"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
    ],
)
def test_a_double_is_written_as_java_does(value: float, expected: str) -> None:
    assert text(value, "double") == expected


@pytest.mark.parametrize("written", ["1.1", "0.1", "16777216.0", "3.4028235E38", "0.33333334"])
def test_a_real_is_written_with_the_fewest_digits(written: str) -> None:
    (stored,) = struct.unpack("f", struct.pack("f", float(written)))

    assert float(text(stored, "float") or "") == float(written)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, "true"),
        (12, "12"),
        (Decimal("1E+2"), "100"),
        (date(2025, 4, 1), "2025-04-01"),
        (datetime(2025, 4, 1, 11, 27, 0, 999999), "2025-04-01 11:27:00.999"),
        (datetime(2025, 4, 1, 11, 27, tzinfo=UTC), "2025-04-01 11:27:00.000 UTC"),
        (b"\x00\xff", "00 ff"),
        (["a", None, [1]], "[a, null, [1]]"),
        ({"a": 1, "b": None}, "{a=1, b=null}"),
    ],
)
def test_a_value_is_written_as_athena_does(value: Any, expected: str | None) -> None:
    assert text(value) == expected
